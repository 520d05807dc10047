"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import events, health, overview

ROUTERS = (
    health.router,
    overview.router,
    events.router,
)
"""In the order in which paths are tried."""
