"""The spans that training leaves out because something was wrong in them: confirmed incidents.

What people called expected or a false positive was normal, and stays in. So does an incident that
lasts longer than the spec's `learnAfter`, unless somebody marked it TruePositive: its level is the
new normal. How much may be left out at all is the contract's rule, which the pod holds to as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.feedback import learned, verdict_of
from anomaly_operator.incidents.state import IncidentState, Resolution
from anomaly_operator.spec.service import LEARN_AFTER_SECONDS, TrainingPlan
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.exclusions import within_cap
from detector_runtime.contract.run_config import Interval

MAX_SPANS = 64


def incident_windows(
    state: IncidentState | None,
    anomalies: Sequence[AnomalyObject],
    plan: TrainingPlan,
    step: int,
    now: int,
    *,
    learn_after: int = LEARN_AFTER_SECONDS,
) -> tuple[Interval, ...]:
    """Spans within the look-back, oldest first. `step`: seconds that a window reaches back;
    `learn_after`: seconds after which an incident is learned.

    Only chosen here, never cut to the look-back: a span that moved with `now` would give the same
    training another RunConfig at every try.
    """
    found = {
        **dict(_tracked(state, step, learn_after)),
        **dict(_objects(anomalies, step, learn_after)),
    }
    oldest = now - plan.lookback_seconds
    spans = [span for span in found.values() if span is not None and span.end > oldest]
    newest = sorted(spans, key=lambda span: span.end, reverse=True)[:MAX_SPANS]
    return tuple(reversed(within_cap(plan.exclude, newest, oldest, now).incidents))


def _tracked(
    state: IncidentState | None, step: int, learn_after: int
) -> Iterator[tuple[str, Interval]]:
    for incident in state.tracked if state else ():
        over = incident.resolution in (Resolution.EXPECTED, Resolution.FALSE_POSITIVE)
        long = learned(incident.first_seen, incident.last_seen, learn_after)
        if incident.confirmed and not over and not long:
            start = incident.first_seen - step
            yield incident.anomaly, Interval(start, incident.last_seen, incident.pattern)


def _objects(
    anomalies: Sequence[AnomalyObject], step: int, learn_after: int
) -> Iterator[tuple[str, Interval | None]]:
    """None for those that count as normal, so that they also hide what is tracked of them."""
    for anomaly in anomalies:
        spec = json.loads(anomaly.spec or b"{}")
        status = json.loads(anomaly.status or b"{}")
        verdict = verdict_of(spec)
        first, last = unix_seconds(spec.get("firstSeen")), unix_seconds(status.get("lastSeen"))
        long = verdict is None and learned(first, last, learn_after)
        if long or (verdict is not None and verdict.normal):
            yield anomaly.meta.name, None
            continue
        if first and last:
            pattern = str(spec.get("openingPattern", ""))
            yield anomaly.meta.name, Interval(first - step, last, pattern)
