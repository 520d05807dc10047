"""What an administrator may want to know of the dashboard itself, for Prometheus.

No label carries a name of an object or of a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anomaly_dashboard.watched.store import Store

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Measures:
    """The figures of one process. `sessions`: how many people are signed in."""

    def __init__(self, store: Store, sessions: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "anomaly_dashboard_requests",
            "Requests by method and status.",
            ("method", "code"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "anomaly_dashboard_request_seconds",
            "Seconds until the answer began.",
            ("method",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._gauge("sessions", "Open sessions.", sessions)
        self._gauge("synced", "1 once everything was listed.", lambda: int(store.synced))
        self._gauge("out_of_touch_seconds", "Since the watch broke off.", lambda: _silence(store))
        self._gauge("services", "AnomalyServices watched.", lambda: len(store.services.rows))
        self._gauge("anomalies", "Anomalies watched.", lambda: len(store.incidents.rows))
        self._gauge("policies", "SLOPolicies watched.", lambda: len(store.policies.rows))

    def request(self, method: str, code: int, seconds: float) -> None:
        """An answer began after `seconds`."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, str(code)).inc()
        self._seconds.labels(known).observe(seconds)

    def exposition(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, says: str, value: Callable[[], float]) -> None:
        gauge = Gauge(f"anomaly_dashboard_{name}", says, registry=self._registry)
        gauge.set_function(value)


def _silence(store: Store) -> float:
    lost = store.out_of_touch
    return max(0.0, time.time() - lost.since) if lost else 0.0


class Measured:
    """Counts what passes. Plain ASGI, because it stands before streams too."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, started = scope["method"], time.monotonic()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._measures.request(method, message["status"], time.monotonic() - started)
            await send(message)

        await self._app(scope, receive, told)
