"""`/services/{namespace}/{name}`: one service."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.pages.errors import missing
from anomaly_dashboard.views.service import service_view

router = APIRouter()


@router.get("/services/{namespace}/{name}")
async def service(
    request: Request, site: SiteIn, sight: SightIn, namespace: str, name: str
) -> Response:
    """The page."""
    raw = sight.service(namespace, name)
    if raw is None:
        raise missing("service", namespace, name)
    view = service_view(raw, sight, int(site.clock()))
    return site.render(request, "service.html", {"view": view})
