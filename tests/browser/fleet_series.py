"""Series of the services of a fleet, drawn instead of asked for: within the usual range, but for
the worst metric of what is open.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.process import Limits, Progress, TrialFailedError
from anomaly_dashboard.explore.runs import Carry, Runs
from anomaly_dashboard.explore.tried import Tried
from anomaly_dashboard.explore.usual import Usual
from anomaly_dashboard.series.proxy import Column, Proxy
from anomaly_dashboard.series.sources import Queries, Sources
from anomaly_dashboard.series.span import Span
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.settings.file import parse_settings
from detector_runtime.contract.run_config import MetricSpec
from pretend.fleet import Fleet
from pretend.fleet_service import METRICS

SETTINGS = "sources: {default: {url: 'http://prometheus:9090'}}"
USUAL = {name: (low, high) for name, _, _, _, low, high in METRICS}


async def _nothing_fitted(
    _: Job, __: Path | None, ___: Limits, ____: Progress
) -> tuple[Tried, ...]:
    raise TrialFailedError("no model is fitted here")


def desk(made: Fleet, carry: Carry = _nothing_fitted) -> Desk:
    """`carry`: how models are fitted for the usual range; by default none is."""
    faults = {
        (one["metadata"]["namespace"], one["spec"]["serviceRef"]["name"]): (
            unix_seconds(one["spec"]["firstSeen"]),
            one["status"]["explanation"]["contributions"][0],
        )
        for one in made.incidents
        if one["status"]["state"] != "Closed"
    }

    def drawn(
        queries: Queries, metric: MetricSpec, span: Span, _: tuple[str, int] | None
    ) -> Column:
        low, high = USUAL[metric.name]
        times = np.arange(span.start + span.step, span.end + 1, span.step)
        chance = np.random.default_rng(len(queries.meta.name) + len(metric.name))
        day = 0.5 + 0.3 * np.sin(2 * np.pi * times / 86_400)
        values = low + (high - low) * np.clip(day + chance.normal(0, 0.06, len(times)), 0, 1)
        began, worst = faults.get((queries.meta.namespace, queries.meta.name), (0, {}))
        if worst.get("metric") == metric.name:
            values = np.where(times >= began, float(worst["value"]), values)
        return Column(values, None, ())

    proxy = Proxy(fetch=drawn)
    runs = Runs(1, carry=carry)
    sources = Sources(parse_settings(SETTINGS), Path("/mounts"))
    return Desk(sources, proxy, runs, Usual(runs, proxy))
