"""`kubectl-anomaly backtest`: from the arguments to what is printed and written.

All recordings are read before the first is judged, because a run of minutes must not end at a bad
file. What was said of a service's windows is printed or written and let go before the next: of a
hundred services it would not fit into memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from json import dump
from typing import Any

from anomaly_cli import backtest, budget_list, cluster, console, html_report, scores_file
from anomaly_cli.assignment import assigned
from anomaly_cli.graph import Health, circles, dependencies_of, health, judging_order
from anomaly_cli.incident_list import IncidentLine, cells, heads, incident_lines
from anomaly_cli.json_report import json_report, json_text
from anomaly_cli.object_files import read_objects
from anomaly_cli.outputs import Outputs, opened
from anomaly_cli.prepared import Prepared, prepare
from anomaly_cli.progress import Progress
from anomaly_cli.recording import Recording
from anomaly_cli.replay_options import NOTHING_JUDGED, ReplayOptions, replay_options
from anomaly_cli.service_table import ServiceLine, service_line
from anomaly_cli.summary import summary
from anomaly_operator.world.peers import local_name, target_of
from detector_runtime.contract.dependencies import Dependencies


@dataclass(slots=True)
class Said:
    """What is left of the services that have been judged."""

    lines: list[ServiceLine] = field(default_factory=list)
    incidents: list[IncidentLine] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    anomalies: list[cluster.Raw] = field(default_factory=list)
    objectives: list[tuple[str, ...]] = field(default_factory=list)
    unevaluated: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    judged: bool = False


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, RecordingError, ServiceFileError, OSError."""
    with ExitStack() as stack:
        outputs = opened(given, stack)
        options = replay_options(given)
        assignment = assigned(given.data, read_objects(given.file or ()), given.service)
        several = given.data.is_dir()
        for text in assignment.warnings:
            console.warn(text)
        prepared = {one.name: prepare(one, options, several=several) for one in assignment.found}
        depends_on = {
            one.meta.name: tuple(
                local_name(target_of(below, one.meta.namespace), one.meta.namespace)
                for below in one.spec.depends_on
            )
            for one in (*(one.service for one in assignment.found), *assignment.unrecorded)
        }
        notes = (*assignment.notes, *(circles(depends_on) if several else ()))
        said = Said()
        work = _Work(options, outputs, said, several, given.json)
        _judge_all(prepared, depends_on, work)
        if several:
            _print_several(said, notes, as_json=given.json)
        _write_rest(said, outputs)
        return 0 if said.judged else NOTHING_JUDGED


@dataclass(frozen=True, slots=True)
class _Work:
    options: ReplayOptions
    outputs: Outputs
    said: Said
    several: bool
    as_json: bool


def _judge_all(
    prepared: dict[str, Prepared], depends_on: Mapping[str, tuple[str, ...]], work: _Work
) -> None:
    progress = Progress("backtest")
    known: dict[str, Health] = {}
    try:
        order = [name for name in judging_order(depends_on) if name in prepared]
        for count, name in enumerate(order, start=1):
            if work.several:
                progress.begin(f"backtest {name} ({count} of {len(order)})")
            one = prepared.pop(name)
            below = dependencies_of(name, depends_on, known)
            outcome = _judged(one, work.options, below, progress)
            known[name] = health(one.recording.frame.times.tolist(), outcome.folded.severity)
            if not work.several:
                progress.close()
            _keep(one, outcome, work)
    finally:
        progress.close()


def _judged(
    one: Prepared,
    options: ReplayOptions,
    below: Callable[[int], Dependencies] | None,
    progress: Progress,
) -> backtest.Outcome:
    return backtest.run(
        one.recording,
        one.plan,
        one.warmup,
        options.refit,
        progress.step,
        dependencies=below,
        gated=options.gated,
    )


def _keep(one: Prepared, outcome: backtest.Outcome, work: _Work) -> None:
    """Print or keep what is said of a service, and write its scores."""
    said, recording = work.said, one.recording
    said.judged = said.judged or bool(outcome.reports)
    said.lines.append(service_line(outcome))
    said.incidents.extend(incident_lines(recording, outcome))
    said.anomalies.extend(outcome.anomalies)
    _keep_objectives(outcome, said, several=work.several)
    if work.as_json:
        said.documents.append(json_report(recording, outcome))
    if work.outputs.report is not None:
        said.sections.append(html_report.section(recording, outcome))
    if not work.several:
        _print_one(recording, outcome, said, as_json=work.as_json)
    if work.outputs.scores is not None:
        with work.outputs.scores(outcome.plan.meta.name) as file:
            scores_file.write_scores(file, recording, outcome, one.warmup_row)


def _keep_objectives(outcome: backtest.Outcome, said: Said, *, several: bool) -> None:
    name = outcome.plan.meta.name
    for one in outcome.budgets.each:
        if one.report is not None:
            said.objectives.append(budget_list.cells(one, name, several=several))
        told = [one_said for one_said in budget_list.notes(one) if not several or one.problem]
        said.unevaluated.extend(f"{name}: {text}" if several else text for text in told)


def _print_one(
    recording: Recording, outcome: backtest.Outcome, said: Said, *, as_json: bool
) -> None:
    if as_json:
        print(json_text(said.documents, several=False), flush=True)
        return
    found = summary(recording, outcome)
    console.say(found.head)
    _print_objectives(said)
    _print_incidents(found.incidents, several=False)
    console.say(found.tail)


def _print_several(said: Said, notes: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print(json_text(said.documents, several=True), flush=True)
        return
    console.say(notes)
    console.say(["services:"])
    lines = sorted(said.lines, key=lambda one: one.service)
    console.table(ServiceLine.HEADS, [one.cells() for one in lines], "; --json lists all")
    without = [one.service for one in lines if not one.models]
    if without:
        text = (
            f"no model could be trained for {', '.join(without)}: a model needs "
            f"{backtest.MIN_ROWS} windows with values; increase --warmup, or record longer"
        )
        console.say([text])
    _print_objectives(said, several=True)
    _print_incidents(tuple(sorted(said.incidents, key=lambda one: one.start)), several=True)


def _print_objectives(said: Said, *, several: bool = False) -> None:
    console.say(said.unevaluated)
    if said.objectives:
        console.say(["objectives:"])
        rows = sorted(said.objectives) if several else said.objectives
        console.table(budget_list.heads(several=several), rows, "; --json lists all")


def _print_incidents(incidents: tuple[IncidentLine, ...], *, several: bool) -> None:
    if not incidents:
        return
    console.say(["incidents:"])
    rows = [cells(one, several=several) for one in incidents]
    console.table(heads(several=several), rows, "; --json lists all")


def _write_rest(said: Said, outputs: Outputs) -> None:
    if outputs.incidents is not None:
        dump(cluster.document(tuple(said.anomalies)), outputs.incidents, indent=2)
        outputs.incidents.write("\n")
    if outputs.report is not None:
        outputs.report.write(html_report.page(said.sections, said.incidents))
