"""`/services/{namespace}/{name}`: one service."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.charts import ChartsIn
from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.pages.errors import missing
from anomaly_dashboard.views.service import service_view

router = APIRouter()
DEFAULT_HOURS = 24
SPANS = {6: "6 hours", 24: "24 hours", 72: "3 days", 168: "7 days"}
"""What the charts can show, by hours."""


@router.get("/services/{namespace}/{name}")
async def service(
    request: Request,
    *,
    site: SiteIn,
    sight: SightIn,
    charts: ChartsIn,
    namespace: str,
    name: str,
    hours: int = DEFAULT_HOURS,
) -> Response:
    """The page."""
    raw = sight.service(namespace, name)
    if raw is None:
        raise missing("service", namespace, name)
    shown = hours if hours in SPANS else DEFAULT_HOURS
    view = service_view(raw, sight, int(site.clock()))
    return site.render(
        request, "service.html", {"view": view, "charts": charts, "hours": shown, "spans": SPANS}
    )
