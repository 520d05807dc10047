"""The recorded issues of the PetShop application as frames on a grid, one for each service.

Data: Hardt et al., "The PetShop Dataset - Finding Causes of Performance Issues across
Microservices", CC BY 4.0; not part of this repository (ANOMALY_DATA names its folder). Nothing is
filled: what was not recorded is NaN.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaly_operator.incidents.cascade.suspect import ServiceKey
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.series.frame import Floats, Frame

DATA = Path(os.environ.get("ANOMALY_DATA", Path(__file__).parents[4] / "shared" / "data"))
PETSHOP = DATA / "petshop" / "high_traffic"
STEP = 300
NAMESPACE = "petshop"
METRICS = (
    MetricSpec("latency", Role.LATENCY, "", Unit.SECONDS, Direction.UP),
    MetricSpec("requests", Role.TRAFFIC, "", Unit.NONE, Direction.BOTH),
    MetricSpec("failed", Role.ERRORS, "", Unit.PERCENT, Direction.UP),
)
"""What a user would monitor of each service; `failed` is 100 % less its availability."""
_COLUMNS = (("latency", "Average"), ("requests", "Sum"), ("availability", "Average"))
_DIP_ROWS = 5
"""The recording of normal operation ends with a dip of availability, which is an issue."""


@dataclass(frozen=True, slots=True, eq=False)
class Issue:
    """`values` by service, (windows, metrics); the first window is before the issue. `target` broke
    its SLO in `metric`, and `root` is the answer. `half`: `tune` or `report`; `at`: unix seconds.
    """

    name: str
    at: int
    values: dict[str, Floats]
    target: str
    metric: str
    root: str
    half: str


@dataclass(frozen=True, slots=True, eq=False)
class Application:
    """`normal` by service, (windows, metrics); `calls`: whom each service calls."""

    normal: dict[str, Floats]
    calls: dict[ServiceKey, tuple[ServiceKey, ...]]
    issues: tuple[Issue, ...]


def key(service: str) -> ServiceKey:
    return ServiceKey(NAMESPACE, service)


def application() -> Application:
    """The whole data set. Of the issues with one root and metric, every other is for tuning."""
    normal = {name: rows[:-_DIP_ROWS] for name, rows in _services(PETSHOP / "noissue").items()}
    seen: dict[tuple[str, str], int] = {}
    issues = []
    for folder in sorted(PETSHOP.glob("t*/issue_*"), key=_order):
        told = json.loads((folder / "target.json").read_text())
        target, root = told["target"], told["root_cause"]["node"]
        kind = (root, target["metric"])
        seen[kind] = seen.get(kind, -1) + 1
        half = "report" if seen[kind] % 2 else "tune"
        name = f"{folder.parent.name}/{folder.name}"
        values = _services(folder)
        at = int(target["timestamp"])
        issues.append(Issue(name, at, values, target["node"], target["metric"], root, half))
    return Application(normal, _calls(), tuple(issues))


def lead_in(application: Application, issue: Issue, service: str) -> Floats:
    """What came before an issue: the first windows of all others, in the order of time.

    Normal operation was recorded five months later, when some services had other levels. Whoever
    monitors an application has seen it before an issue, too.
    """
    others = sorted(application.issues, key=lambda one: one.at)
    return np.vstack([one.values[service][:1] for one in others if one.name != issue.name])


def frame(*parts: Floats) -> Frame:
    """Rows one after the other, on a clock that starts at midnight."""
    values = np.vstack(parts)
    times = 1_699_488_000 + STEP * np.arange(1, len(values) + 1, dtype=np.int64)
    return Frame(times, values, tuple(one.name for one in METRICS), STEP)


def _order(folder: Path) -> tuple[str, int]:
    return folder.parent.name, int(folder.name.removeprefix("issue_"))


def _services(folder: Path) -> dict[str, Floats]:
    with (folder / "metrics.csv").open(newline="") as lines:
        services, metrics, statistics, *rows = csv.reader(lines)
    place = {
        heading: column
        for column, heading in enumerate(zip(services, metrics, statistics, strict=True))
    }
    # Some files have a row for the name of the index; moments that nobody recorded have no row.
    known = {int(float(row[0])): row for row in rows if row[0] and row[0] != "unix_timestamp"}
    times = range(min(known), max(known) + STEP, STEP)
    found = {}
    for name in sorted(set(services[1:])):
        columns = [place.get((name, *one)) for one in _COLUMNS]
        values = np.array([[_number(known.get(at), column) for column in columns] for at in times])
        values[:, 2] = 100.0 - values[:, 2]
        found[name] = values
    return found


def _number(row: list[str] | None, column: int | None) -> float:
    return float(row[column]) if row and column is not None and row[column] else np.nan


def _calls() -> dict[ServiceKey, tuple[ServiceKey, ...]]:
    with (PETSHOP / "graph.csv").open(newline="") as lines:
        (_, *callees), *rows = csv.reader(lines)
    return {
        key(caller): tuple(
            key(callee) for callee, calls in zip(callees, row, strict=True) if float(calls)
        )
        for caller, *row in rows
    }
