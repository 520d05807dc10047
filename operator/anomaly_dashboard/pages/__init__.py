"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import graph, health, overview, review

ROUTERS = (
    health.router,
    overview.router,
    graph.router,
    review.router,
)
"""In the order in which paths are tried."""
