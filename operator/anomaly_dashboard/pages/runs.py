"""`/runs` and `/runs/{namespace}/{name}`: models that are being trained."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaly_dashboard.pages.charts import ChartsIn
from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.pages.errors import missing
from anomaly_dashboard.views.run import run_view
from anomaly_dashboard.views.runs import runs_view

router = APIRouter()


@router.get("/runs")
async def runs(request: Request, site: SiteIn, sight: SightIn) -> Response:
    """All of them."""
    view = runs_view(sight, int(site.clock()))
    return site.render(request, "runs.html", {"view": view})


@router.get("/runs/{namespace}/{name}")
async def run(
    request: Request,
    *,
    site: SiteIn,
    sight: SightIn,
    charts: ChartsIn,
    namespace: str,
    name: str,
) -> Response:
    """One of them. A service that watches no run is not found here."""
    row = sight.service_row((namespace, name))
    raw = sight.service(namespace, name)
    if raw is None or row is None or not row.run:
        raise missing("training run", namespace, name)
    view = run_view(raw, sight, int(site.clock()))
    return site.render(request, "run.html", {"view": view, "charts": charts})
