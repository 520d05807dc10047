"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import health, overview

ROUTERS = (
    health.router,
    overview.router,
)
"""In the order in which paths are tried."""
