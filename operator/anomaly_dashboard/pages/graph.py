"""`/graph`: where trouble comes from and whom it reaches."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.entry import LiveIn, SightIn, SiteIn
from anomaly_dashboard.pages.part import VARY, conditional, wants_fragment
from anomaly_dashboard.views.graph import graph
from anomaly_dashboard.views.graph_choice import ALL, TROUBLE, GraphFilter
from anomaly_dashboard.watched.sight import Sight
from anomaly_dashboard.web.site import Site
from detector_runtime.contract.vocabulary import Severity

router = APIRouter()
_SEVERITIES = {one.value: one for one in Severity}
_MAX_TEXT = 253


@router.get("/graph")
async def page(request: Request, site: SiteIn, sight: SightIn, live: LiveIn) -> Response:
    """The page, or what of it changes; the filter is in the address."""
    asked = _asked(request.query_params)
    fragment = live.fragments.get(
        ("graph", sight.scopes, asked, sight.synced),
        sight.version,
        live.fan_out.told,
        lambda: _drawn(site, sight, asked),
    )
    if wants_fragment(request):
        return conditional(request, fragment)
    values = {
        "asked": asked,
        "namespaces": sorted({row.namespace for row in sight.services()}),
        "severities": tuple(_SEVERITIES)[1:],
        "fragment": Markup(fragment.text),  # noqa: S704 - rendered with escapes
    }
    answer = site.render(request, "graph.html", values)
    answer.headers["Vary"] = VARY
    return answer


def _drawn(site: Site, sight: Sight, asked: GraphFilter) -> str:
    view = graph(sight.services(), sight.incidents(), sight.scopes.services, asked)
    return site.fragment("graph_now.html", {"view": view})


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
