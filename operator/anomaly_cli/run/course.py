"""What a run has told, wherever it stands: an AnomalyService, a log, or a folder of snapshots."""

from __future__ import annotations

import argparse
import errno
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from anomaly_cli.connection import ClusterError
from anomaly_cli.run.kinds import kind_of
from anomaly_cli.run.log_reading import replayed
from anomaly_cli.run.replay import Replayed
from anomaly_cli.run.show import service_of
from anomaly_cli.run.snapshot_reading import Snapshot, is_snapshot, snapshots
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.verbs.target import bare, cluster_of
from detector_runtime.contract.training_run import RunTrigger, TrainingRunReport
from detector_runtime.following.figures import figure

_OBJECT = re.compile(
    r"(?:(?:asvc|anomalyservices?(?:\.[a-z.-]+)?)/)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
)
"""An AnomalyService as kubectl names it. Another name that is no file is a mistake in a path."""


@dataclass(frozen=True, slots=True)
class Course:
    """`triggers` in the order of the log; `earlier`: those that are no longer listed; `counts` by
    kind, of all of them; `best_loss` is empty where no row has a loss."""

    title: str
    triggers: tuple[RunTrigger, ...]
    counts: Mapping[str, int]
    earlier: int = 0
    best_step: int = 0
    best_loss: str = ""
    conclusion: str = ""
    advice: str = ""


def course(given: argparse.Namespace) -> Course:
    """Of what `given.run` names: a file or a folder where there is one of that name, else an
    AnomalyService. Raises InputError, ClusterError, OSError."""
    path = Path(given.run)
    if not path.exists():
        return _of_cluster(given)
    if is_snapshot(path):
        return _of_snapshots(path, snapshots(path))
    return of_replay(path, replayed(given, path))


def of_replay(path: Path, found: Replayed) -> Course:
    """Of the log at `path`."""
    counts = Counter(one.kind for one in found.triggers)
    report = found.report
    title = f"{path}: {report.rows:,} rows to step {report.step:,}"
    return Course(
        title,
        found.told,
        counts,
        best_step=report.best_step,
        best_loss=report.best_loss,
        conclusion=report.conclusion,
        advice=report.advice,
    )


def _of_cluster(given: argparse.Namespace) -> Course:
    name = bare(given.run)
    if not _OBJECT.fullmatch(given.run):
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", given.run)
    with cluster_of(given) as cluster:
        report = report_of(service_of(cluster, name))
    if report is None:
        raise ClusterError(
            f"{name} has told nothing of its run yet; kubectl anomaly run show {name} says why"
        )
    return _of_report(name, report)


def _of_report(name: str, report: TrainingRunReport) -> Course:
    return Course(
        f"{name}: {report.rows:,} rows to step {report.step:,}",
        report.timeline,
        {one.kind: one.count for one in report.counts},
        report.earlier,
        report.best_step,
        report.best_loss,
        report.conclusion,
        report.advice,
    )


def _of_snapshots(path: Path, found: list[Snapshot]) -> Course:
    triggers = tuple(trigger for one in found for trigger in one.triggers)
    best = min((one for one in found if isfinite(one.best_loss)), default=None, key=_best)
    return Course(
        f"{path}: {len(found)} snapshot{'' if len(found) == 1 else 's'}",
        triggers,
        Counter(kind_of(one.name) for one in triggers),
        best_step=best.best_step if best else 0,
        best_loss=figure(best.best_loss) if best else "",
    )


def _best(one: Snapshot) -> float:
    return one.best_loss
