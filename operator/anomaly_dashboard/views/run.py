"""The page of one training run: what to do, how it goes, and what was found in its rows.

Whether to stop, go back or go on is decided where `kubectl anomaly run show` decides it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import part
from anomaly_cli.run.kinds import rank_of
from anomaly_cli.run.show import log_line, pace, state_line
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.run.verdict import Do, Verdict, verdict
from anomaly_dashboard.views.run_curve import RunCurve, evidence_curves
from anomaly_dashboard.views.run_line import RunLine, run_line
from anomaly_dashboard.views.runs import filled
from anomaly_dashboard.views.service_conditions import ConditionView, condition_views
from anomaly_dashboard.watched.reading import service_row
from anomaly_dashboard.watched.rows import IncidentRow, ServiceRow
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.anomalies.run_facts import run_examples
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.training_run import TrainingRunReport
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.training_run.trigger import Tier

MAX_EVIDENCE = 2
MAX_INCIDENTS = 20


@dataclass(frozen=True, slots=True)
class TriggerView:
    """`at`: unix seconds, 0 = not known. `symbol` says how bad it is without colour."""

    step: int
    name: str
    tier: str
    symbol: str
    action: str
    at: int
    message: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What led up to the worst trigger of an incident. `examples`: prompt, and what came of it."""

    incident: IncidentRow
    curves: tuple[RunCurve, ...]
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """`report` None: no pod has reported a row yet. `series`: whether its metrics come from a
    source that charts can be drawn from. `triggers`: the newest first."""

    row: ServiceRow
    report: TrainingRunReport | None
    verdict: Verdict
    bad: bool
    state: str
    pace: str
    log: str
    filled: int
    line: RunLine | None
    triggers: tuple[TriggerView, ...]
    evidence: tuple[Evidence, ...]
    incidents: tuple[IncidentRow, ...]
    conditions: tuple[ConditionView, ...]
    series: bool


_SYMBOLS = {Tier.CRITICAL.value: "▲▲", Tier.WARNING.value: "▲"}
_CALM = frozenset({Do.GO_ON, Do.WAIT, Do.DONE})


def run_view(raw: Raw, sight: Sight, now: int) -> RunView:
    """Of an AnomalyService with the profile TrainingRun that the caller may see."""
    row, report = service_row(raw), report_of(raw)
    own = sorted(
        (one for one in sight.incidents() if (one.namespace, one.service) == row.place),
        key=lambda one: (not one.running, -one.since),
    )
    said = verdict(report, now)
    return RunView(
        row=row,
        report=report,
        verdict=said,
        bad=said.do not in _CALM,
        state=state_line(report, now) if report else "Waiting",
        pace=" ".join(pace(report, now)) if report else "",
        log=log_line(report, now) if report else "",
        filled=filled(report),
        line=run_line(report) if report else None,
        triggers=tuple(_triggers(report)) if report else (),
        evidence=tuple(_evidence(sight, own)),
        incidents=tuple(own[:MAX_INCIDENTS]),
        conditions=tuple(one for one in condition_views(part(raw, "status")) if one.bad),
        series=_charted(raw),
    )


def _triggers(report: TrainingRunReport) -> Iterator[TriggerView]:
    for one in reversed(report.timeline):
        symbol = _SYMBOLS.get(one.tier, "") if rank_of(one.tier) >= 0 else ""
        at = unix_seconds(one.at)
        yield TriggerView(one.step, one.name, one.tier, symbol, one.action, at, one.message)


def _evidence(sight: Sight, own: list[IncidentRow]) -> Iterator[Evidence]:
    left = MAX_EVIDENCE
    for row in own[:MAX_INCIDENTS]:
        raw = sight.incident(*row.place)
        status = part(raw, "status")
        curves = evidence_curves(part(status, "trainingRun"))
        if curves and left:
            left -= 1
            yield Evidence(row, curves, run_examples(status))


def _charted(raw: Raw) -> bool:
    spec, _ = parse_service(part(raw, "spec"))
    run = spec.training_run if spec else None
    return run is not None and run.rows is SourceType.PROMETHEUS
