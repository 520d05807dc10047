"""The spans that training leaves out because something was wrong in them: confirmed incidents.

What people called expected or a false positive was normal, and stays in. How much may be left out
at all is the contract's rule, which the pod holds to as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.spec.service import TrainingPlan
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.exclusions import within_cap
from detector_runtime.contract.run_config import Interval

MAX_SPANS = 64
_NORMAL_AFTER_ALL = frozenset({"FalsePositive", "Expected"})


def incident_windows(
    state: IncidentState | None,
    anomalies: Sequence[AnomalyObject],
    plan: TrainingPlan,
    step: int,
    now: int,
) -> tuple[Interval, ...]:
    """Spans within the look-back, oldest first. `step`: seconds that a window reaches back.

    Only chosen here, never cut to the look-back: a span that moved with `now` would give the same
    training another RunConfig at every try.
    """
    found = {**dict(_tracked(state, step)), **dict(_objects(anomalies, step))}
    oldest = now - plan.lookback_seconds
    spans = [span for span in found.values() if span is not None and span.end > oldest]
    newest = sorted(spans, key=lambda span: span.end, reverse=True)[:MAX_SPANS]
    return tuple(reversed(within_cap(plan.exclude, newest, oldest, now).incidents))


def _tracked(state: IncidentState | None, step: int) -> Iterator[tuple[str, Interval]]:
    for incident in state.tracked if state else ():
        if incident.confirmed:
            start = incident.first_seen - step
            yield incident.anomaly, Interval(start, incident.last_seen, incident.pattern)


def _objects(
    anomalies: Sequence[AnomalyObject], step: int
) -> Iterator[tuple[str, Interval | None]]:
    """None for those that count as normal, so that they also hide what is tracked of them."""
    for anomaly in anomalies:
        spec = json.loads(anomaly.spec or b"{}")
        status = json.loads(anomaly.status or b"{}")
        if (spec.get("feedback") or {}).get("verdict") in _NORMAL_AFTER_ALL:
            yield anomaly.meta.name, None
            continue
        first, last = unix_seconds(spec.get("firstSeen")), unix_seconds(status.get("lastSeen"))
        if first and last:
            pattern = str(spec.get("openingPattern", ""))
            yield anomaly.meta.name, Interval(first - step, last, pattern)
