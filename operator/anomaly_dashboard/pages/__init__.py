"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import (
    acts,
    graph,
    health,
    incident,
    overview,
    review,
    service,
    sign_in,
)

ROUTERS = (
    health.router,
    sign_in.router,
    overview.router,
    service.router,
    incident.router,
    acts.router,
    graph.router,
    review.router,
)
"""In the order in which paths are tried."""
