"""One module a page: reads the arguments, asks a view, renders."""

from anomaly_dashboard.pages import (
    acts,
    audit,
    events,
    explore,
    graph,
    health,
    incident,
    overview,
    policies,
    review,
    runs,
    series,
    service,
    sign_in,
    transfer,
)

ROUTERS = (
    health.router,
    sign_in.router,
    overview.router,
    events.router,
    service.router,
    incident.router,
    acts.router,
    runs.router,
    graph.router,
    review.router,
    series.router,
    explore.router,
    policies.router,
    audit.router,
    transfer.router,
)
"""In the order in which paths are tried."""
