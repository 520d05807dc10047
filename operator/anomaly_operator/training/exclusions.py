"""The spans that training leaves out because something was wrong in them: confirmed incidents.

What people called expected or a false positive was normal, and stays in. Declared exclusions and
incidents together take at most a fifth of the lookback, the newest incidents first, so that a
long one cannot starve a model of the data that it would have to learn from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.spec.service import TrainingPlan
from anomaly_operator.spec.service_parse import MAX_EXCLUDED_SHARE
from anomaly_operator.world.objects import AnomalyObject
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
    """Spans within the lookback, oldest first. `step`: seconds that a window reaches back."""
    found = {**dict(_tracked(state, step)), **dict(_objects(anomalies, step))}
    oldest = now - plan.lookback_seconds
    declared = sum(span.end - span.start for span in plan.exclude)
    budget = MAX_EXCLUDED_SHARE * plan.lookback_seconds - declared
    kept = []
    spans = [span for span in found.values() if span is not None and span.end > oldest]
    for span in sorted(spans, key=lambda span: span.end, reverse=True)[:MAX_SPANS]:
        length = span.end - max(span.start, oldest)
        if length <= budget:
            budget -= length
            kept.append(span)
    return tuple(reversed(kept))


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
