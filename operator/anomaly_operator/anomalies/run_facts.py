"""The training run of an incident in words, for messages, the terminal and reports.

Read from the status of an Anomaly, which another version may have written: what is absent or of
another type is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_operator.anomalies.reaction import REACTION
from anomaly_operator.anomalies.training_run import of_run

MAX_NAMED = 4
STEPS, TRIGGER, CHECKPOINT, BEST, SUSPENSION = (
    "Steps", "Trigger", "Last good checkpoint", "Best step", "Suspension"
)  # fmt: skip
IN_MESSAGES = frozenset({TRIGGER, CHECKPOINT, BEST, SUSPENSION})

Fact = tuple[str, str]
Fields = Mapping[str, Any]


def run_facts(status: Fields) -> tuple[Fact, ...]:
    """Label and value; empty for an incident of no training run."""
    run = of_run(status)
    return tuple(fact for fact in _facts(run, status) if fact[1]) if run else ()


def run_examples(status: Fields) -> tuple[Fact, ...]:
    """Prompt, and what the model made of it."""
    return tuple(_example(one) for one in _listed(of_run(status), "examples"))


def _facts(run: Fields, status: Fields) -> Iterator[Fact]:
    triggers = [_trigger(one) for one in _listed(run, "triggers")]
    more = len(triggers) - 1 - MAX_NAMED
    named = ", ".join(triggers[1 : 1 + MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    yield TRIGGER, triggers[0] if triggers else ""
    yield "Also", named
    yield STEPS, _span(run)
    scores = (f"{_text(one, 'metric')} {_text(one, 'z')}" for one in _listed(run, "zScores"))
    yield "Z-scores", ", ".join(scores)
    for key, label in (
        ("lossHistory", "Loss before"),
        ("accuracyHistory", "Accuracy before"),
        ("learningRateHistory", "Learning rate before"),
    ):
        values = run.get(key)
        yield label, ", ".join(map(str, values[-5:])) if isinstance(values, list) else ""
    loss = _text(run, "bestLoss")
    yield BEST, f"{_text(run, 'bestStep')}{f', loss {loss}' if loss else ''}"
    checkpoint = run.get("checkpoint")
    known = checkpoint if isinstance(checkpoint, Mapping) else {}
    yield CHECKPOINT, f"step {known.get('step')}, {known.get('path')}" if known else ""
    yield "Snapshot", _text(run, "snapshot")
    yield "Conclusion", _text(run, "conclusion")
    yield SUSPENSION, _suspension(status)


def _trigger(one: Fields) -> str:
    tier = _text(one, "tier")
    return f"{_text(one, 'name')} at step {_text(one, 'step')}{f' ({tier})' if tier else ''}"


def _span(run: Fields) -> str:
    first, last = _text(run, "firstStep"), _text(run, "lastStep")
    return first if first == last else f"{first} to {last}"


def _suspension(status: Fields) -> str:
    found = status.get(REACTION)
    if not isinstance(found, Mapping):
        return ""
    message = _text(found, "message")
    said = ": ".join(one for one in (_text(found, "workload"), _text(found, "outcome")) if one)
    return f"{said}. {message}" if message else said


def _example(one: Fields) -> Fact:
    matches = one.get("matches")
    right = "correct" if matches is True else "wrong" if matches is False else ""
    parts = (
        ("expected", _text(one, "goldenAnswer")),
        ("answered", _text(one, "modelAnswer")),
        ("loss", _text(one, "loss")),
    )
    said = [f"{label} {value}" for label, value in parts if value]
    return _text(one, "prompt"), ", ".join([*said, *([right] if right else [])])


def _listed(fields: Fields, key: str) -> list[Fields]:
    found = fields.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(fields: Fields, key: str) -> str:
    found = fields.get(key)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
