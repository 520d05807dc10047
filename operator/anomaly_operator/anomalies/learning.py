"""What training makes of an incident, and what a person's verdict on it has changed.

An Anomaly says it in the condition ExcludedFromTraining, with the time from which on the new level
is learned and the command that accepts it sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.anomalies.feedback import taken_up
from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.api.text import span_text, to_text, unix_seconds
from anomaly_operator.incidents.expected import lasts_until
from anomaly_operator.incidents.feedback import learned, verdict_of
from anomaly_operator.incidents.state import ExpectedRule, Verdict
from anomaly_operator.spec.service import LEARN_AFTER_SECONDS

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LearningTerms:
    """`rules`: what is expected of the service. `namespace`: of its objects. `trains`: a model
    learns from its windows."""

    rules: tuple[ExpectedRule, ...] = ()
    learn_after_seconds: int = LEARN_AFTER_SECONDS
    namespace: str = ""
    trains: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """The incident of an Anomaly object; times in unix seconds, 0 = not known."""

    name: str
    namespace: str
    first_seen: int
    last_seen: int
    running: bool


def accept_command(name: str, namespace: str) -> str:
    """The one command by which a person says that the new level is right."""
    where = f" -n {namespace}" if namespace else ""
    patch = '{"spec":{"feedback":{"verdict":"Expected"}}}'
    return f"kubectl patch anomaly {name}{where} --type=merge -p '{patch}'"


def feedback(
    spec: Mapping[str, Any],
    before: Mapping[str, Any],
    terms: LearningTerms,
    anomaly: str,
    now: int,
) -> JSON | None:
    """`status.feedback`: the verdict, when it was taken up, and how long its rule lasts."""
    verdict = verdict_of(spec)
    if verdict is None:
        return None
    rules = [one for one in terms.rules if one.anomaly == anomaly and one.verdict is verdict]
    at = taken_up(spec, before) or next((one.at for one in rules), now)
    found = {"verdict": verdict.value, "at": to_text(at)}
    if verdict.normal:
        given = unix_seconds((spec.get("feedback") or {}).get("until"))
        found["until"] = to_text(lasts_until(given, at))
    return found


def excluded(
    subject: Subject,
    spec: Mapping[str, Any],
    noted: Mapping[str, Any] | None,
    terms: LearningTerms,
) -> Condition:
    """ExcludedFromTraining; `noted` is `status.feedback`."""
    kind, verdict = ConditionType.EXCLUDED_FROM_TRAINING, verdict_of(spec)
    if not terms.trains:
        text = "A training run is judged by rules: no model is trained from its windows."
        return Condition(kind, Truth.FALSE, AnomalyReason.NOT_TRAINED, text)
    if verdict is Verdict.TRUE_POSITIVE:
        text = "Marked TruePositive: training leaves these windows out, however long this lasts."
        return Condition(kind, Truth.TRUE, verdict, text)
    if verdict is not None:
        mine = [one for one in terms.rules if one.anomaly == subject.name]
        until = (noted or {}).get("until", "")
        return Condition(kind, Truth.FALSE, verdict, f"{_kept(verdict)} {_rule_text(mine, until)}")
    after = span_text(terms.learn_after_seconds)
    if learned(subject.first_seen, subject.last_seen, terms.learn_after_seconds):
        text = f"The incident lasted longer than {after}, so training keeps its windows."
        return Condition(kind, Truth.FALSE, AnomalyReason.LEARNED, text)
    if not subject.running:
        text = "Training leaves these windows out. Feedback Expected or FalsePositive keeps them."
        return Condition(kind, Truth.TRUE, AnomalyReason.EXCLUDED, text)
    text = (
        f"Training leaves these windows out until "
        f"{to_text(subject.first_seen + terms.learn_after_seconds)}. If the incident is still open "
        "then, the new level is learned. To accept the new level now, run "
        f"`{accept_command(subject.name, subject.namespace)}`."
    )
    return Condition(kind, Truth.TRUE, AnomalyReason.EXCLUDED, text)


def _kept(verdict: Verdict) -> str:
    return (
        f"Marked {verdict}: the incident is closed, training keeps its windows, and one training "
        "is started for it."
    )


def _rule_text(rules: list[ExpectedRule], until: str) -> str:
    if not rules:
        return "No rule is left in `status.expected` of the service."
    patterns = ", ".join(f"{one.pattern} up to {one.severity}" for one in rules)
    return f"Windows with {patterns} open no incident until {until}, unless they breach the SLO."
