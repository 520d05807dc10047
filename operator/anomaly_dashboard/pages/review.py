"""`/review`: which incident to take next."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.views.review import JUDGE, OPEN, ReviewFilter, review

router = APIRouter()
_MAX_TEXT = 253


@router.get("/review")
async def page(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """The page; the filter is in the address, so that it can be sent to a colleague."""
    view = review(sight.incidents(), _asked(request.query_params), int(site.clock()))
    return site.render(request, "review.html", {"view": view, "query": request.url.query})


def _asked(query: Mapping[str, str]) -> ReviewFilter:
    page = query.get("page", "")
    return ReviewFilter(
        queue=JUDGE if query.get("queue") == JUDGE else OPEN,
        namespace=query.get("namespace", ""),
        owner=query.get("owner", ""),
        tier=query.get("tier", ""),
        search=query.get("q", "").strip()[:_MAX_TEXT],
        unacknowledged=bool(query.get("unacknowledged")),
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 9 else 1,
    )
