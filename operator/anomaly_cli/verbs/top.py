"""`kubectl anomaly top`: the services, the one that needs somebody most on top."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

from anomaly_cli import console
from anomaly_cli.cluster_objects import ServiceLine
from anomaly_cli.cluster_reading import part, service_line
from anomaly_cli.connection import ALL_NAMESPACES
from anomaly_cli.verbs.arguments import SORTS
from anomaly_cli.verbs.output import DOCUMENTS, write_objects
from anomaly_cli.verbs.target import cluster_of, scope
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.api.text import span_text
from anomaly_operator.observe.read import compact
from anomaly_operator.slo.budgets import share_left
from anomaly_operator.status.scoring import read_scoring
from detector_runtime.contract.vocabulary import SLOStatus

_HEADS = ("SERVICE", "STATE", "SEVERITY", "SCORE", "ALERT AT", "SLO", "BUDGET", "OPEN", "CHECKED")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A service with the score of its newest window and the level from which it would alert, NaN
    where there is none."""

    line: ServiceLine
    score: float
    level: float


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        where = scope(given, cluster)
        found = ordered([ranked(raw) for raw in cluster.list(SERVICE, where)], given.sort_by)
    if given.output in DOCUMENTS:
        write_objects(given.output, SERVICE, [one.line.raw for one in found])
    elif not found:
        place = f"namespace {where}" if where else "any namespace"
        console.tell(f"no AnomalyService in {place}")
    else:
        spread, wide, now = where == ALL_NAMESPACES, given.output == "wide", int(time.time())
        rows = [cells(one, now, spread=spread, wide=wide) for one in found]
        console.listing(heads(spread=spread, wide=wide), rows)
    return 0


def ranked(raw: dict[str, object]) -> Ranked:
    """A service of the API server."""
    detection = part(part(raw, "status"), "detection")
    report = read_scoring(compact(detection) if detection else b"").report
    score, level = (report.score, report.alert_level) if report else ("", "")
    return Ranked(service_line(raw), _number(score), _number(level))


def ordered(found: list[Ranked], by: str) -> list[Ranked]:
    """Worst first by `by`, one of SORTS, then by the others in that order."""
    return sorted(found, key=lambda one: (_key(one, by), *(_key(one, rest) for rest in SORTS)))


def _key(one: Ranked, by: str) -> float:
    match by:
        case "score":
            return math.inf if math.isnan(one.score) else -one.score
        case "slo":
            return -one.line.slo.rank
        case "budget":
            return share_left(one.line.budget)
    return -one.line.severity.rank


def heads(*, spread: bool, wide: bool = False) -> tuple[str, ...]:
    """`spread`: over several namespaces."""
    return (*(("NAMESPACE",) if spread else ()), *_HEADS, *(("SUMMARY",) if wide else ()))


def cells(one: Ranked, now: int, *, spread: bool, wide: bool = False) -> tuple[str, ...]:
    """One service as a line of that table. `now` in unix seconds."""
    line = one.line
    shown = (
        line.name,
        line.state,
        line.severity.value,
        _shown(one.score),
        _shown(one.level),
        "-" if line.slo is SLOStatus.UNKNOWN else line.slo.value,
        line.budget or "-",
        str(line.open),
        f"{span_text(now - line.scored)} ago" if line.scored else "never",
    )
    before = (line.namespace,) if spread else ()
    return (*before, *shown, *((line.summary or "-",) if wide else ()))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
