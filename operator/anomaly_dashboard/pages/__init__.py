"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import health, overview, sign_in

ROUTERS = (
    health.router,
    sign_in.router,
    overview.router,
)
"""In the order in which paths are tried."""
