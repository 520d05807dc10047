"""The AnomalyService of an entry of the table."""

from __future__ import annotations

from typing import Any

from benchmarks.patterns.shop_data import HISTORY, STEP, Column
from benchmarks.patterns.shop_row import Watch
from watched.namespace import NEVER

SOURCE = "shop"
Json = dict[str, Any]
_UNITS = {
    Column.RATE: ("Traffic", "RequestsPerSecond"),
    Column.LATENCY: ("Latency", "Milliseconds"),
    Column.ERRORS: ("Errors", "Ratio"),
    Column.DEPENDENCY: ("DependencyLatency", "Milliseconds"),
    Column.DATABASE: ("DatabaseLatency", "Milliseconds"),
    Column.QUEUE: ("Custom", "Count"),
}


def columns(watch: Watch) -> tuple[Column, ...]:
    spec = next(one for one in watch.shop.services if one.name == watch.service)
    found = [Column.RATE, Column.LATENCY, Column.ERRORS]
    found += [Column.DEPENDENCY] if spec.calls else []
    found += [Column.DATABASE] if spec.database else []
    return (*found, *watch.more)


def service_spec(watch: Watch) -> Json:
    metrics = []
    for column in columns(watch):
        role, unit = _UNITS[column]
        # Of one minute, so that a value that is missing does not linger.
        query = f'last_over_time(shop_{column}{{service="$(service)"}}[59s])'
        one = {"name": column.value, "role": role, "query": query, "unit": unit}
        metrics.append(one | ({"direction": "Both"} if watch.both else {}))
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    spec: Json = {
        "source": {"name": SOURCE},
        "step": f"{STEP}s",
        "metrics": metrics,
        # One period, so that it is the same story at any hour.
        "periods": [
            {"name": "always", "days": week, "start": "00:00", "end": "00:00", "confidence": "100%"}
        ],
        "training": {"schedule": NEVER, "lookback": f"{HISTORY // 60}h", "spread": "0s"},
        "inference": {"interval": "1h"},
    }
    spec |= {"dependsOn": [{"name": one} for one in watch.depends_on]} if watch.depends_on else {}
    spec |= {"sloPolicyRef": {"name": watch.policy}} if watch.policy else {}
    spec["inference"] = {**spec["inference"], **watch.spec.get("inference", {})}
    spec["incidents"] = {
        # The second trouble of a service is another one.
        "reopenWithin": "5m",
        "separation": "8h",
        **watch.spec.get("incidents", {}),
    }
    return spec
