"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import (
    explore,
    graph,
    health,
    incident,
    overview,
    review,
    series,
    service,
)

ROUTERS = (
    health.router,
    overview.router,
    service.router,
    incident.router,
    graph.router,
    review.router,
    series.router,
    explore.router,
)
"""In the order in which paths are tried."""
