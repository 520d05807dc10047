"""`/graph`: where trouble comes from and whom it reaches."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.views.graph import graph
from anomaly_dashboard.views.graph_choice import ALL, TROUBLE, GraphFilter
from detector_runtime.contract.vocabulary import Severity

router = APIRouter()
_SEVERITIES = {one.value: one for one in Severity}
_MAX_TEXT = 253


@router.get("/graph")
async def page(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """The page; the filter is in the address, so that it can be sent to a colleague."""
    asked = _asked(request.query_params)
    view = graph(sight.services(), sight.incidents(), sight.scopes.services, asked)
    values = {"view": view, "query": request.url.query, "severities": tuple(_SEVERITIES)[1:]}
    return site.render(request, "graph.html", values)


def _asked(query: Mapping[str, str]) -> GraphFilter:
    """`open`: namespaces whose healthy services are drawn, with commas between them."""
    show = query.get("show", "")
    return GraphFilter(
        namespace=query.get("namespace", ""),
        search=query.get("q", "").strip()[:_MAX_TEXT],
        severity=_SEVERITIES.get(query.get("severity", ""), Severity.NONE),
        show=show if show in {ALL, TROUBLE} else "",
        opened=frozenset(one for one in query.get("open", "").split(",") if one),
    )
