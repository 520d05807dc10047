"""The spans that training leaves out because something was wrong in them: confirmed incidents.

What people called expected or a false positive was normal, and stays in. So does an incident that
lasts longer than the spec's `learnAfter`, unless somebody marked it TruePositive: its level is the
new normal. How much may be left out at all is the contract's rule, which the pod holds to as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.feedback import learned, verdict_of
from anomaly_operator.incidents.state import IncidentState, Resolution
from anomaly_operator.spec.service import LEARN_AFTER_SECONDS, TrainingPlan
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.exclusions import within_cap
from detector_runtime.contract.run_config import Interval

MAX_SPANS = 64


@dataclass(frozen=True, slots=True)
class IncidentSpans:
    """`left_out` of training, and `accepted`: learned as normal though they were an incident. Both
    oldest first."""

    left_out: tuple[Interval, ...] = ()
    accepted: tuple[Interval, ...] = ()


def incident_windows(
    state: IncidentState | None,
    anomalies: Sequence[AnomalyObject],
    plan: TrainingPlan,
    step: int,
    now: int,
    *,
    learn_after: int = LEARN_AFTER_SECONDS,
) -> IncidentSpans:
    """Spans within the look-back. `step`: seconds that a window reaches back; `learn_after`:
    seconds after which an incident is learned.

    Only chosen here, never cut to the look-back: a span that moved with `now` would give the same
    training another RunConfig at every try.
    """
    found = {
        **dict(_tracked(state, step, learn_after)),
        **dict(_objects(anomalies, step, learn_after)),
    }
    oldest = now - plan.lookback_seconds
    left_out, accepted = (
        sorted(
            (one for one, normal in found.values() if normal is kind and one.end > oldest),
            key=lambda span: span.end,
            reverse=True,
        )[:MAX_SPANS]
        for kind in (False, True)
    )
    chosen = within_cap(plan.exclude, left_out, oldest, now).incidents
    return IncidentSpans(tuple(reversed(chosen)), tuple(reversed(accepted)))


Known = tuple[str, tuple[Interval, bool]]
"""Name of the incident, its span, and whether it was normal after all."""


def _tracked(state: IncidentState | None, step: int, learn_after: int) -> Iterator[Known]:
    for incident in state.tracked if state else ():
        if incident.confirmed:
            said = incident.resolution in (Resolution.EXPECTED, Resolution.FALSE_POSITIVE)
            long = learned(incident.first_seen, incident.last_seen, learn_after)
            start = incident.first_seen - step
            span = Interval(start, incident.last_seen, incident.pattern)
            yield incident.anomaly, (span, said or long)


def _objects(anomalies: Sequence[AnomalyObject], step: int, learn_after: int) -> Iterator[Known]:
    for anomaly in anomalies:
        spec = json.loads(anomaly.spec or b"{}")
        status = json.loads(anomaly.status or b"{}")
        verdict = verdict_of(spec)
        first, last = unix_seconds(spec.get("firstSeen")), unix_seconds(status.get("lastSeen"))
        if first and last:
            long = learned(first, last, learn_after)
            normal = long if verdict is None else verdict.normal
            pattern = str(spec.get("openingPattern", ""))
            yield anomaly.meta.name, (Interval(first - step, last, pattern), normal)
