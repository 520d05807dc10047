"""`kubectl anomaly list`: the incidents, worst first."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from anomaly_cli import console
from anomaly_cli.cluster_objects import Incident
from anomaly_cli.cluster_reading import incident
from anomaly_cli.connection import ALL_NAMESPACES, Cluster
from anomaly_cli.verbs.incident_order import worst_first
from anomaly_cli.verbs.output import DOCUMENTS, write_objects
from anomaly_cli.verbs.target import cluster_of, scope
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import span_text
from detector_runtime.contract.vocabulary import SLOStatus

_HEADS = ("NAME", "SERVICE", "SEVERITY", "STATE", "SLO", "ROOT", "SINCE", "ACKNOWLEDGED")
_WIDE = ("PATTERN", "TIER", "NOW", "CONFIDENCE", "COUNT", "SUMMARY")


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        where = scope(given, cluster)
        found = incidents(cluster, where, closed=given.all)
    if given.output in DOCUMENTS:
        write_objects(given.output, ANOMALY, [one.raw for one in found])
    elif not found:
        kind = "incidents" if given.all else "open incidents"
        place = f"namespace {where}" if where else "any namespace"
        more = "" if given.all else "; --all lists closed ones too"
        console.tell(f"no {kind} in {place}{more}")
    else:
        spread, wide = where == ALL_NAMESPACES, given.output == "wide"
        now = int(time.time())
        rows = [cells(one, now, spread=spread, wide=wide) for one in found]
        console.listing(heads(spread=spread, wide=wide), rows)
    return 0


def incidents(cluster: Cluster, namespace: str, *, closed: bool) -> list[Incident]:
    """Those of a namespace (of all with ALL_NAMESPACES), worst first. Raises ClusterError."""
    found = (incident(raw) for raw in cluster.list(ANOMALY, namespace))
    return worst_first(one for one in found if closed or one.running)


def heads(*, spread: bool, wide: bool = False) -> tuple[str, ...]:
    """`spread`: over several namespaces."""
    return (*(("NAMESPACE",) if spread else ()), *_HEADS, *(_WIDE if wide else ()))


def cells(one: Incident, now: int, *, spread: bool, wide: bool = False) -> tuple[str, ...]:
    """One incident as a line of that table. `now` in unix seconds."""
    line = (
        one.name,
        one.service,
        one.severity.value,
        one.state,
        "-" if one.slo is SLOStatus.UNKNOWN else one.slo.value,
        root_of(one),
        span_text(now - one.since) if one.since else "-",
        acknowledged(one),
    )
    more = (
        one.pattern or "-",
        one.priority.tier or "-",
        one.now_severity or "-",
        one.confidence or "-",
        str(one.occurrences),
        one.summary or "-",
    )
    return (*((one.namespace,) if spread else ()), *line, *(more if wide else ()))


def root_of(one: Incident) -> str:
    """The service that is the cause; for the root itself how many others it affects."""
    return cause_of(one) or (_affects(one.symptom_count) if one.symptom_count else "-")


def cause_of(one: Incident) -> str:
    """The other service that is the cause, with its namespace where that is another; empty where
    none is known."""
    if one.root is None or one.root.service in {"", one.service}:
        return ""
    foreign = one.root.namespace and one.root.namespace != one.namespace
    return f"{one.root.namespace}/{one.root.service}" if foreign else one.root.service


def acknowledged(one: Incident) -> str:
    """Who has said anything of it."""
    said: Sequence[str] = [
        statement.by or statement.verdict
        for statement in (one.feedback, one.acknowledgement)
        if statement is not None
    ]
    return next((by for by in said if by), "no")


def _affects(count: int) -> str:
    return "self, 1 symptom" if count == 1 else f"self, {count} symptoms"
