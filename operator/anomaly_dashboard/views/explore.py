"""What Explore prints: the services and sources to choose from, and two settings side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly_dashboard.explore.draft import Draft
from anomaly_dashboard.explore.form import Group, inputs
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.manifest import difference
from anomaly_dashboard.explore.recording_csv import command
from anomaly_dashboard.explore.runs import Run, State, Trial
from anomaly_dashboard.explore.tried import Incident, Tried
from anomaly_dashboard.watched.rows import ServiceRow
from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.text import sentence
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Severity

DAYS = (1, 3, 7, 14)
DEFAULT_DAYS = 3
TRAININGS = ((0, "once, before these days"), (86_400, "every day, which takes longer"))
MAX_OFFERED = 1_000
"""Services that the list beside the input offers; any other can be typed."""
MAX_LISTED = 200
_LEVELS = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen: services as `namespace/name`, sources by name."""

    services: tuple[str, ...]
    namespaces: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A draft on the desk. `service` is empty for a typed query."""

    namespace: str
    service: str
    groups: tuple[Group, ...]
    text: str
    days: int = DEFAULT_DAYS
    refit: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` 0 to 100, -1 = not known yet."""

    said: str
    share: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of both settings; `old` is empty where there is nothing to compare with."""

    label: str
    old: str
    new: str

    @property
    def same(self) -> bool:
        return self.old == self.new


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """`where`: in which of the settings it is found; `end` 0: still open."""

    incident: Incident
    end: int
    where: str


@dataclass(frozen=True, slots=True)
class Result:
    """`sides`: number and label of each; `more`: incidents that are not listed."""

    sides: tuple[tuple[int, str], ...]
    compares: bool
    figures: tuple[Comparison, ...]
    incidents: tuple[IncidentLine, ...]
    more: int
    notes: tuple[str, ...]
    text: str
    diff: str
    command: str


def choice(rows: Iterable[ServiceRow], sources: Sequence[str]) -> Choice:
    """Services with a training run are left out: a replay of theirs is another verb's."""
    found = sorted(row.place for row in rows if not row.run)
    namespaces = sorted({namespace for namespace, _ in found})
    offered = tuple(f"{namespace}/{name}" for namespace, name in found[:MAX_OFFERED])
    return Choice(offered, tuple(namespaces), tuple(sources))


def chosen(draft: Draft, service: str, days: int = DEFAULT_DAYS, refit: int = 0) -> Chosen:
    return Chosen(draft.namespace, service, inputs(draft), draft.text, days, refit)


def progress(run: Run, place: int) -> Progress:
    """What a run is doing."""
    if run.state is State.WAITING:
        before = "1 trial is" if place == 1 else f"{place} trials are"
        return Progress(f"Waiting: {before} before it" if place else "Waiting for a worker", -1)
    if run.state is State.READING:
        return Progress(f"Reading the metrics: {run.said}" if run.said else "Reading", -1)
    if not run.total:
        return Progress("Training a first model", -1)
    share = min(100 * run.done // run.total, 100)
    return Progress(f"Judging the windows: {share} %", share)


def result(trial: Trial, job: Job, found: Sequence[Tried]) -> Result:
    """Both settings side by side; of one alone what it found."""
    old, new = (found[0], found[1]) if len(found) == 2 else (None, found[0])
    lines = _lines(old, new)
    side = job.sides[-1]
    name = f"{trial.new.name}.yaml"
    before = trial.old.documents if trial.old else ()
    told = (*job.notes, *(note for one in found for note in _labelled(one, len(found) == 2)))
    return Result(
        sides=tuple((number, one.label) for number, one in enumerate(found)),
        compares=old is not None,
        figures=tuple(_figures(old, new)),
        incidents=lines[:MAX_LISTED],
        more=max(len(lines) - MAX_LISTED, 0),
        notes=tuple(dict.fromkeys(sentence(note) for note in told)),
        text=trial.new.text,
        diff=difference(before, trial.new.documents, name),
        command=command(side.warmup, trial.refit, format_seconds(side.frame.step)),
    )


def _labelled(one: Tried, both: bool) -> list[str]:
    return [f"{one.label}: {note}" if both else note for note in one.notes]


def _figures(old: Tried | None, new: Tried) -> Iterable[Comparison]:
    def both(label: str, of: object) -> Comparison:
        assert callable(of)
        return Comparison(label, of(old) if old else "", of(new))

    yield both("Days judged", lambda one: f"{one.days:.1f}")
    yield both("Incidents", lambda one: str(len(one.incidents)))
    for level in _LEVELS[1:]:
        above = "" if level is Severity.CRITICAL else " and above"
        yield both(
            f"Incidents, {level.value}{above}", lambda one, least=level: str(one.at_least(least))
        )
    yield both("Anomalous windows", lambda one: f"{one.anomalous} of {one.windows}")
    yield both("Windows without a verdict", lambda one: str(one.inconclusive))
    yield both("False incidents a week to expect, Medium and above", _expected)
    yield both("Models trained", lambda one: f"{one.models}, {one.failed} failed checks")
    yield both("SLOPolicy", lambda one: one.policy or "none")


def _expected(one: Tried) -> str:
    rates = [rate.per_week for rate in one.expected if rate.severity is Severity.MEDIUM]
    return (decimal(rates[0], 2) or "0") if rates else "–"


def _lines(old: Tried | None, new: Tried) -> tuple[IncidentLine, ...]:
    """Those of the new setting and those that only the old one has, in the order of time."""
    if old is None:
        lines = [_line(one, "") for one in new.incidents]
    else:
        lines = [_line(one, "both" if _met(one, old) else "only new") for one in new.incidents]
        lines += [_line(one, "only old") for one in old.incidents if not _met(one, new)]
    return tuple(sorted(lines, key=lambda line: line.incident.start))


def _line(one: Incident, where: str) -> IncidentLine:
    return IncidentLine(one, 0 if one.open else one.end, where)


def _met(one: Incident, other: Tried) -> bool:
    """Whether the other setting has an incident at the same time."""
    return any(one.start < each.end and each.start < one.end for each in other.incidents)
