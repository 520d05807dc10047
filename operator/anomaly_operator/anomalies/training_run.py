"""What an incident of a training run says of the run: steps, triggers, and what led up to them.

The evidence is that of the worst window, the steps and triggers are those of all its windows. The
detection document forgets; the object does not: what is gone from the document stays. It judges
nothing itself: which trigger is how bad, and what to do about it, was decided where the log was
read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.api.text import cut, sentence, unix_seconds
from anomaly_operator.incidents.bounds import NAME_BYTES
from anomaly_operator.incidents.state import Incident
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import Detection, WindowReport, WindowVerdict
from detector_runtime.contract.training_run import (
    MAX_EVIDENCE_TRIGGERS,
    MAX_EXAMPLE_TEXT,
    MAX_EXAMPLES,
    MAX_HISTORY,
    RunEvidence,
    RunExample,
    RunState,
    RunTrigger,
)
from detector_runtime.contract.vocabulary import MAX_ACTIONS, ContractError

TRAINING_RUN = "trainingRun"
MAX_FIGURE = 32
MAX_METRIC = 64
MAX_PATH = 512
MAX_TEXT = 512
MAX_Z_SCORES = 16
MAX_EXAMPLES_BYTES = 8_192
MAX_STEP = 2**53 - 1
TIERS = ("Informational", "Normal", "Warning", "Critical")
"""From the least to the worst, as in `RunTrigger.tier`."""
ACTIONS = ("None", "Monitor", "Investigate", "RollBack", "Stop")
_OVER = frozenset({RunState.COMPLETED.value, RunState.FAILED.value, RunState.ENDED.value})
_HISTORIES = ("lossHistory", "accuracyHistory", "learningRateHistory")
_EVIDENCE = ("at", "zScores", "examples", *_HISTORIES, "conclusion", "advice")
"""Of one window. What is known of the run beside it stays until another window says otherwise."""
_OF_THE_RUN = ("bestStep", "bestLoss", "checkpoint", "snapshot")

JSON = dict[str, Any]
Fields = Mapping[str, Any]


def training_run_part(detection: Detection | None, report: bytes = b"") -> Part:
    """`detection`: the newest, and `report` the `status.trainingRun` of the service, both of which
    a pod of the service wrote. To be told before the priority."""
    windows = detection.windows if detection else ()
    found = (detection.anomaly, detection.report) if detection else ()
    reports = tuple(one for one in found if one is not None)

    def part(incident: Incident, before: Fields, _found: Fields) -> Told:
        known = of_run(before)
        own = [one for one in reports if one.training_run and _within(incident, one.end)]
        listed = [one for one in windows if _within(incident, one.end)]
        document = _document(incident, known, own, _in_lines(listed, report))
        return Told({TRAINING_RUN: document} if document else {})

    return part


def of_run(fields: Fields) -> Fields:
    """`status.trainingRun` of an incident; empty where it is of no training run."""
    found = fields.get(TRAINING_RUN)
    return found if isinstance(found, Mapping) else {}


def worst_trigger(fields: Fields) -> Fields:
    """The first of the triggers, which is the worst; empty where none is known."""
    listed = of_run(fields).get("triggers")
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, Mapping) else {}


def run_ended(report: bytes) -> int:
    """When the run of a service ended, by its `status.trainingRun`, in unix seconds; 0 where it has
    not, or where there is none."""
    found = json.loads(report) if report else {}
    over = isinstance(found, Mapping) and found.get("state") in _OVER
    return unix_seconds(found.get("since")) if over else 0


def advised(incident: Incident, fields: Fields) -> list[str]:
    """What to do, the first step first: whether to stop, go back or go on, then the advice of the
    findings."""
    own = [step for step in incident.recommended_actions if step]
    run = of_run(fields)
    if not run:
        return own
    first = str(run.get("conclusion") or "") or _words(fields)
    steps = [sentence(step) for step in (first, *(own or [str(run.get("advice") or "")]))]
    return list(dict.fromkeys(step for step in steps if step))[:MAX_ACTIONS]


def _words(fields: Fields) -> str:
    worst, run = worst_trigger(fields), of_run(fields)
    at = f"step {worst.get('step')}"
    match worst.get("action"):
        case "Stop":
            return f"Stop the run: what it learns after {at} cannot be used"
        case "RollBack":
            return f"Roll back to {_restart(run)}"
        case "Investigate":
            return f"Investigate {at} before the run goes much further"
        case "Monitor":
            return "Monitor the run; it can go on"
        case _:
            return ""


def _restart(run: Fields) -> str:
    checkpoint = run.get("checkpoint")
    if isinstance(checkpoint, Mapping):
        return f"the checkpoint of step {checkpoint.get('step')} ({checkpoint.get('path')})"
    if "bestStep" in run:
        return f"the last checkpoint up to the best step, {run['bestStep']}"
    return "the last checkpoint before it"


def _within(incident: Incident, end: str) -> bool:
    return incident.opened <= unix_seconds(end) <= incident.last_seen


def _document(
    incident: Incident,
    known: Fields,
    reports: list[WindowReport],
    lines: list[JSON],
) -> JSON:
    triggers = _triggers(known, reports, lines)
    shown = _shown(incident, known, reports)
    document: JSON = {key: known[key] for key in (*_EVIDENCE, *_OF_THE_RUN) if key in known}
    if shown is not None and shown.training_run is not None:
        document = {key: known[key] for key in _OF_THE_RUN if key in known}
        document |= {"at": cut(shown.end, 40)} | _evidence(shown.training_run)
    steps = [*_steps(known, reports), *(one["step"] for one in triggers)]
    if not document and not steps:
        return {}
    span = {"firstStep": min(steps), "lastStep": max(steps)} if steps else {}
    return span | ({"triggers": triggers} if triggers else {}) | document


def _shown(incident: Incident, known: Fields, reports: list[WindowReport]) -> WindowReport | None:
    """The report of the worst window; while nothing is known, any. None: what is known stays."""
    for one in reports:
        if unix_seconds(one.end) == incident.worst_at:
            return one
    return reports[0] if reports and not known.get("at") else None


def _steps(known: Fields, reports: list[WindowReport]) -> Iterator[int]:
    for key in ("firstStep", "lastStep"):
        if isinstance(step := known.get(key), int):
            yield step
    for one in reports:
        if one.training_run is not None:
            yield _step(one.training_run.first_step)
            yield _step(one.training_run.last_step)


def _in_lines(windows: list[WindowVerdict], report: bytes) -> list[JSON]:
    """What the lines of the windows name, in full where the time line still has it."""
    named = [one for window in windows for one in _named(window.triggers)]
    timeline = _timeline(report) if named else {}
    return [timeline.get((one["step"], one["name"]), one) for one in named]


def _timeline(report: bytes) -> dict[tuple[int, str], JSON]:
    document = json.loads(report) if report else {}
    listed = document.get("timeline") if isinstance(document, Mapping) else None
    found = {}
    for raw in listed if isinstance(listed, list) else ():
        try:
            one = _trigger(decode(RunTrigger, raw))
        except ContractError:
            continue
        found[one["step"], one["name"]] = one
    return found


def _triggers(known: Fields, reports: list[WindowReport], lines: list[JSON]) -> list[JSON]:
    """The worst first, of equals the earliest. What only a line of the windows names has a step and
    a name."""
    found: dict[tuple[int, str], JSON] = {(one["step"], one["name"]): one for one in lines}
    listed = known.get("triggers")
    for one in listed if isinstance(listed, list) else ():
        key = (one.get("step", 0), one.get("name", ""))
        found[key] = {**found.get(key, {}), **one}
    for report in reports:
        for trigger in report.training_run.triggers if report.training_run else ():
            told = _trigger(trigger)
            found[told["step"], told["name"]] = told
    ordered = sorted(found.values(), key=_order)
    return ordered[:MAX_EVIDENCE_TRIGGERS]


def _order(trigger: Fields) -> tuple[int, int, int, str]:
    tier, action = trigger.get("tier"), trigger.get("action")
    rank = TIERS.index(tier) if tier in TIERS else -1
    grave = ACTIONS.index(action) if action in ACTIONS else -1
    return -rank, -grave, trigger["step"], trigger["name"]


def _named(triggers: Iterable[str]) -> Iterator[JSON]:
    """`loss_spike_45.2pct@1234`, as a line of the windows has it."""
    for text in triggers:
        name, _, step = text.rpartition("@")
        if name and step.isascii() and step.isdigit():
            yield {"step": _step(int(step[:16])), "name": cut(name, NAME_BYTES)}


def _trigger(one: RunTrigger) -> JSON:
    told = {
        "step": _step(one.step),
        "name": cut(one.name, NAME_BYTES),
        "tier": one.tier if one.tier in TIERS else "",
        "action": one.action if one.action in ACTIONS else "",
        "at": cut(one.at, 40),
        "message": cut(one.message, MAX_TEXT),
    }
    return {key: value for key, value in told.items() if value != ""}


def _evidence(one: RunEvidence) -> JSON:
    document: JSON = {
        "zScores": [
            {"metric": cut(score.metric, MAX_METRIC), "z": cut(score.z, MAX_FIGURE)}
            for score in one.z_scores[:MAX_Z_SCORES]
        ],
        "examples": _examples(one.examples),
        "lossHistory": _history(one.loss_history),
        "accuracyHistory": _history(one.accuracy_history),
        "learningRateHistory": _history(one.learning_rate_history),
        "bestStep": _step(one.best_step) if one.best_loss else None,
        "bestLoss": cut(one.best_loss, MAX_FIGURE),
        "snapshot": cut(one.snapshot, MAX_PATH),
        "conclusion": cut(one.conclusion, MAX_TEXT),
        "advice": cut(one.advice, MAX_TEXT),
    }
    if one.checkpoint is not None:
        path = cut(one.checkpoint.path, MAX_PATH)
        document["checkpoint"] = {"step": _step(one.checkpoint.step), "path": path}
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _examples(examples: tuple[RunExample, ...]) -> list[JSON]:
    """As many as there is room for."""
    out: list[JSON] = []
    room = MAX_EXAMPLES_BYTES
    for one in examples[:MAX_EXAMPLES]:
        short = RunExample(
            prompt=one.prompt[:MAX_EXAMPLE_TEXT],
            golden_answer=one.golden_answer[:MAX_EXAMPLE_TEXT],
            model_answer=one.model_answer[:MAX_EXAMPLE_TEXT],
            matches=one.matches,
            loss=cut(one.loss, MAX_FIGURE),
        )
        told = {key: value for key, value in encode(short).items() if value != ""}
        room -= len(json.dumps(told, ensure_ascii=False).encode())
        if room < 0:
            break
        out.append(told)
    return out


def _history(values: tuple[str, ...]) -> list[str]:
    """The newest values, oldest first."""
    return [cut(value, MAX_FIGURE) for value in values[-MAX_HISTORY:]]


def _step(step: int) -> int:
    return min(max(step, 0), MAX_STEP)
