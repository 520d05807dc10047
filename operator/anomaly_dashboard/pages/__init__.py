"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import graph, health, incident, overview, policies, review, service

ROUTERS = (
    health.router,
    overview.router,
    service.router,
    incident.router,
    graph.router,
    review.router,
    policies.router,
)
"""In the order in which paths are tried."""
