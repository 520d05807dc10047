"""`/`: what is wrong now."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.entry import SightIn, SiteIn

router = APIRouter()


@router.get("/")
async def overview(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """The page."""
    return site.render(request, "overview.html", {"services": sight.services()})
