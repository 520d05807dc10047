"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import health, incident, overview, runs, service

ROUTERS = (
    health.router,
    overview.router,
    incident.router,
    service.router,
    runs.router,
)
"""In the order in which paths are tried."""
