"""A desk without a Prometheus and without processes: values are drawn, trials run in a thread."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.process import Limits, Progress
from anomaly_dashboard.explore.runs import Carry, Runs
from anomaly_dashboard.explore.trial import tried
from anomaly_dashboard.explore.tried import Tried
from anomaly_dashboard.explore.usual import Usual
from anomaly_dashboard.series.proxy import Column, Proxy
from anomaly_dashboard.series.sources import Queries, Sources
from anomaly_dashboard.series.span import Span
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import POLICY, SERVICE
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.errors import QueryInvalidError
from unit.anomaly_dashboard.explore import recorded
from unit.anomaly_dashboard.signed_in import NOW

SETTINGS = "sources: {default: {url: 'http://prometheus:9090'}}"
FAULT = range(NOW - 20 * 3600, NOW - 10 * 3600)


def drawn(_: Queries, metric: MetricSpec, span: Span, __: tuple[str, int] | None) -> Column:
    """Latency rises fivefold in the fault; the query `broken` is refused."""
    if metric.query == "broken":
        raise QueryInvalidError("the source does not understand the query")
    times = np.arange(span.start + span.step, span.end + 1, span.step)
    noise = np.sin(times * 12.9898 + len(metric.name)) * 43758.5453
    noise -= np.floor(noise) + 0.5
    usual = 0.2 + 0.02 * noise if metric.name == "latency" else 100 + 10 * noise
    bad = (times >= FAULT.start) & (times < FAULT.stop) & (metric.name == "latency")
    return Column(np.where(bad, 5 * usual, usual), None, ())


async def in_a_thread(
    job: Job, _: Path | None, __: Limits, on_progress: Progress
) -> tuple[Tried, ...]:
    return await asyncio.to_thread(tried, job, Settings(), on_progress)


def desk(carry: Carry = in_a_thread) -> Desk:
    proxy = Proxy(fetch=drawn)
    runs = Runs(1, carry=carry, clock=lambda: 0.0)
    sources = Sources(parse_settings(SETTINGS), Path("/mounts"))
    return Desk(sources, proxy, runs, Usual(runs, proxy))


def service(**spec: Any) -> dict[str, Any]:
    """The recorded service as an API server has it, with its policy beside it in `store`."""
    raw = recorded.service(**{"detector": recorded.QUICK, **spec})
    raw["metadata"] |= {"uid": "u1", "generation": 1, "resourceVersion": "1"}
    return raw


def store(*services: dict[str, Any]) -> Store:
    found = Store()
    found.replace(SERVICE, list(services or (service(),)))
    metadata = {**recorded.POLICY["metadata"], "uid": "p", "resourceVersion": "1"}
    found.replace(POLICY, [{**recorded.POLICY, "metadata": metadata}])
    return found
