"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import (
    audit,
    graph,
    health,
    incident,
    overview,
    policies,
    review,
    service,
    transfer,
)

ROUTERS = (
    health.router,
    overview.router,
    service.router,
    incident.router,
    graph.router,
    review.router,
    policies.router,
    audit.router,
    transfer.router,
)
"""In the order in which paths are tried."""
