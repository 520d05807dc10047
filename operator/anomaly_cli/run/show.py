"""`kubectl anomaly run show NAME`: what someone who trains a model has to do now, and why.

Reads the AnomalyService and its Anomalies, changes nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

from anomaly_cli import console
from anomaly_cli.cluster_objects import Incident, Raw
from anomaly_cli.cluster_reading import incident, part, text
from anomaly_cli.connection import Cluster, ClusterError, Object
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.run.verdict import Verdict, verdict
from anomaly_cli.verbs.incident_order import worst_first
from anomaly_cli.verbs.output import write_document
from anomaly_cli.verbs.show import width
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_cli.verbs.wording import ahead, count, ended, labelled, moment
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import span_text, unix_seconds
from detector_runtime.contract.training_run import RunState, TrainingRunReport

PROFILE = "TrainingRun"
MAX_KINDS = 8
MAX_OPEN = 5
Lines = list[str]


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        raw = service_of(cluster, given.name)
        name = text(part(raw, "metadata"), "name")
        found = [incident(one) for one in cluster.list(ANOMALY)]
    opened = worst_first(one for one in found if one.service == name and one.running)
    report, now = report_of(raw), int(time.time())
    said = verdict(report, now)
    if given.output:
        write_document(given.output, _document(raw, said, opened))
    else:
        console.say(lines(raw, report, said, opened, (now, width())))
    return 0


def service_of(cluster: Cluster, name: str) -> Object:
    """The AnomalyService `name`, which watches a training run. Raises ClusterError."""
    raw = cluster.get(SERVICE, bare(name))
    profile = text(part(raw, "spec"), "profile")
    if profile != PROFILE:
        raise ClusterError(
            f"{bare(name)} watches no training run: its spec.profile is "
            f"{profile or 'Microservice'}, not {PROFILE}; try kubectl anomaly explain {bare(name)}"
        )
    return raw


def lines(
    raw: Object,
    report: TrainingRunReport | None,
    said: Verdict,
    opened: Sequence[Incident],
    view: tuple[int, int],
) -> Lines:
    """The text. `opened`: the open incidents, worst first; `view`: now in unix seconds, and the
    columns of the terminal."""
    now, columns = view
    metadata = part(raw, "metadata")
    name, namespace = text(metadata, "name"), text(metadata, "namespace")
    out = [said.line]
    if report is not None and report.advice:
        out.append(ended(report.advice))
    out += ["", f"{name} in namespace {namespace}"]
    where = _where(part(part(raw, "spec"), "trainingRun"))
    for label, told in _sections(report, opened, now, where):
        out += labelled(label, told, columns)
    target = f"{name} -n {namespace}"
    commands = [f"kubectl anomaly run timeline {target}", f"kubectl anomaly run stats {target}"]
    if opened:
        commands.insert(0, f"kubectl anomaly show {opened[0].name} -n {namespace}")
    return [*out, "", *(f"  {one}" for one in commands)]


def _sections(
    report: TrainingRunReport | None, opened: Sequence[Incident], now: int, where: str
) -> Iterator[tuple[str, Lines]]:
    if report is not None:
        yield "State", [state_line(report, now)]
        yield "Pace", pace(report, now)
        yield "Now", _values(report)
        yield "Best", [_best(report)] if report.best_loss else []
        yield "Checkpoint", [_checkpoint(report) + ("" if report.checkpoint else where)]
        yield "Log", [log_line(report, now)]
        yield "Triggers", [_counts(report)]
    yield "Open", [_opened(one, now) for one in opened[:MAX_OPEN]] or ["no open finding"]
    if report is not None:
        yield "Snapshots", _snapshots(report)
        yield "Notes", [ended(one) for one in report.notes]


def state_line(report: TrainingRunReport, now: int) -> str:
    """State, since when, and the step of the newest row."""
    since = unix_seconds(report.since)
    lasting = f" for {span_text(now - since)}" if since else ""
    if report.state is RunState.WAITING:
        return f"Waiting{lasting}"
    step = f"step {report.step:,}"
    if report.total_steps:
        share = min(report.step / report.total_steps, 1)
        step += f" of {report.total_steps:,} ({share:.0%})"
    return f"{report.state.value}{lasting}, {step}"


def pace(report: TrainingRunReport, now: int) -> Lines:
    """Steps an hour and the estimated end; nothing where they are not known."""
    parts = [f"{_spaced(report.rate)} steps an hour"] if report.rate else []
    end = unix_seconds(report.estimated_end)
    if end:
        parts.append(f"estimated end {moment(end)} ({ahead(end, now)})")
    return ["; ".join(parts)] if parts else []


def _spaced(number: str) -> str:
    """With a comma at each thousand, where it is a whole number."""
    return f"{int(number):,}" if number.isdecimal() else number


def _values(report: TrainingRunReport) -> Lines:
    known = (
        ("loss", report.loss),
        ("learning rate", report.learning_rate),
        ("accuracy", f"{report.accuracy} %" if report.accuracy else ""),
    )
    told = "; ".join(f"{name} {value}" for name, value in known if value)
    return [told] if told else []


def _best(report: TrainingRunReport) -> str:
    return f"step {report.best_step:,}, loss {report.best_loss}"


def _checkpoint(report: TrainingRunReport) -> str:
    """The last good one."""
    if report.checkpoint is None:
        return "none known"
    return f"step {report.checkpoint.step:,}, {report.checkpoint.path}"


def _where(spec: Raw) -> str:
    """How checkpoints would be found, where that is not said."""
    if not spec.get("log") or spec.get("checkpoints"):
        return ""
    return "; spec.trainingRun.checkpoints says where the trainer writes them"


def log_line(report: TrainingRunReport, now: int) -> str:
    """How much of the log was read, and what of it could not be used."""
    last = unix_seconds(report.last_row_at)
    told = count(report.rows, "row") + (f", the last one {ahead(last, now)}" if last else "")
    if report.resumes:
        told += f"; resumed {'once' if report.resumes == 1 else f'{report.resumes} times'}"
    if report.bad_lines:
        first = f", such as {report.bad_line}" if report.bad_line else ""
        told += f"; {count(report.bad_lines, 'line')} could not be used{first}"
    return told


def _counts(report: TrainingRunReport) -> str:
    most = [f"{one.count} {one.kind}" for one in report.counts[:MAX_KINDS]]
    rest = len(report.counts) - MAX_KINDS
    more = [f"{count(rest, 'other kind')}"] if rest > 0 else []
    return ", ".join([*most, *more]) or "none"


def _opened(one: Incident, now: int) -> str:
    since = f" for {span_text(now - one.since)}" if one.since else ""
    told = f": {one.summary}" if one.summary else ""
    return ended(f"{one.name}, {one.severity.value}{since}{told}")


def _snapshots(report: TrainingRunReport) -> Lines:
    if not report.snapshots:
        return []
    newest = f", the newest is {report.snapshot}" if report.snapshot else ""
    return [f"{report.snapshots} on the claim{newest}"]


def _document(raw: Object, said: Verdict, opened: Sequence[Incident]) -> Object:
    metadata = part(raw, "metadata")
    return {
        "name": text(metadata, "name"),
        "namespace": text(metadata, "namespace"),
        "verdict": {"do": said.do.value, "step": said.step or None, "line": said.line},
        "trainingRun": dict(part(part(raw, "status"), "trainingRun")),
        "open": [
            {"name": one.name, "severity": one.severity.value, "summary": one.summary}
            for one in opened
        ],
    }
