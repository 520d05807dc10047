"""Has detection fallen behind? Judged by the newest scored window, never by whether Jobs ran.

A service that has just been resumed, or has just got its first model, is given the same time as
one whose last window is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.cycles import CLOCK_TOLERANCE_SECONDS
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.status.stored import Status
from anomaly_operator.world.diagnosis import Diagnosis, diagnose_pods
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import ListPods, Lookup
from anomaly_operator.world.view import Answer
from detector_runtime.contract.detection import Detection

_NOT_RUN_YET = (
    None,
    Reason.SUSPENDED.value,
    Reason.NO_MODEL.value,
    Reason.MODEL_MISSING.value,
    Reason.MODEL_REFUSED.value,
)
"""After these another model has got, or nothing has had, the time of a first run."""
STALE_AGAIN_SECONDS = 300
"""Pods are not watched, so no event says when the cause of staleness changes."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """`due`: unix seconds at which to look again, 0 = not before something happens: what is fresh
    or awaited becomes stale, and what is stale may have another cause.
    """

    fresh: bool
    stale: Diagnosis | None = None
    due: int = 0
    lookups: tuple[Lookup, ...] = ()


def allowed_lag(interval_seconds: int, step_seconds: int, delay_seconds: int) -> int:
    """Seconds behind now at which scoring counts as stale: three intervals beyond what it always
    is behind (one interval, one step, the source's delay).
    """
    return 4 * interval_seconds + step_seconds + delay_seconds


def freshness(
    service: Meta,
    lag: int,
    detection: Detection | None,
    before: Status,
    lookups: Mapping[Lookup, Answer],
    *,
    now: int,
    component: Component = Component.INFERENCE,
) -> Freshness:
    """For a service with a model, or without need of one, that is not suspended. `component`: the
    label of its pods. Pods are asked for the cause only when
    it is stale.
    """
    scored = unix_seconds(detection.scored_through) if detection else 0
    if detection and scored > now + CLOCK_TOLERANCE_SECONDS:
        return Freshness(False, _ahead(detection.scored_through), scored - CLOCK_TOLERANCE_SECONDS)
    if scored and now < scored + lag:
        return Freshness(fresh=True, due=scored + lag)
    since = _awaited_since(before, scored, now)
    if now < since + lag:
        return Freshness(fresh=False, due=since + lag)
    labels = (
        (names.LABEL_SERVICE_UID, service.uid),
        (names.LABEL_COMPONENT, component.value),
    )
    question = ListPods(service.namespace, labels)
    if question not in lookups:
        return Freshness(fresh=False, lookups=(question,))
    answer = lookups[question]
    cause = diagnose_pods(answer if isinstance(answer, tuple) else (), "scoring")
    if cause is not None:
        return Freshness(fresh=False, stale=cause, due=now + STALE_AGAIN_SECONDS)
    through = detection.scored_through if detection else ""
    silent = f"No window has been scored since {through}," if through else "No run has reported"
    text = f"{silent} for more than {format_seconds(lag)}; see the inference CronJob and its Jobs."
    stale = Diagnosis(Reason.STALE, text)
    return Freshness(fresh=False, stale=stale, due=now + STALE_AGAIN_SECONDS)


def _ahead(through: str) -> Diagnosis:
    """Runs score what is later than that only, so until then they look at nothing."""
    text = (
        f"Windows are scored through {through}, which is in the future: the clock of a node or of "
        "the operator is wrong. Correct it; scoring continues once that time has passed."
    )
    return Diagnosis(Reason.CLOCK_SKEW, text)


def _awaited_since(before: Status, scored: int, now: int) -> int:
    """From when on a run is waited for: since it was said so, or since now."""
    known = before.condition(ConditionType.DETECTING)
    if known.get("reason") == Reason.WAITING_FOR_FIRST_RUN.value:
        return unix_seconds(known.get("lastTransitionTime"))
    if known.get("reason") in _NOT_RUN_YET:
        return now
    return scored
