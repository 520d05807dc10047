"""The tools that read the cluster: list, show, explain. They ask as the caller."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from anomaly_cli import console
from anomaly_cli.cluster_reading import incident
from anomaly_cli.connection import ALL_NAMESPACES
from anomaly_cli.mcp import answers, described
from anomaly_cli.mcp.bounds import MAX_ITEMS
from anomaly_cli.mcp.calls import Calls
from anomaly_cli.mcp.options import Options
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.verbs import incidents, top
from anomaly_cli.verbs.explain import document
from anomaly_cli.verbs.explained import explained
from anomaly_cli.verbs.explanation import explanation
from anomaly_cli.verbs.show import WIDTH
from anomaly_cli.verbs.story import story
from anomaly_cli.verbs.target import bare
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.status.readiness import State
from detector_runtime.contract.vocabulary import Severity

EVERYWHERE = "*"
Namespace = Annotated[
    str, Field(description="Namespace; empty: the one of the kubeconfig's context.", max_length=63)
]
AnomalyName = Annotated[
    str, Field(description="Name of the Anomaly, as `list` has it.", min_length=1, max_length=260)
]
ServiceName = Annotated[
    str, Field(description="Name of the AnomalyService.", min_length=1, max_length=260)
]


class Kind(StrEnum):
    """What is listed."""

    ANOMALIES = "anomalies"
    SERVICES = "services"


class Reading:
    """The tools, with how they reach the cluster."""

    def __init__(self, options: Options, calls: Calls) -> None:
        self._options, self._calls = options, calls

    async def list_(
        self,
        kind: Annotated[Kind, Field(description="Incidents, or the watched services.")] = (
            Kind.ANOMALIES
        ),
        namespace: Annotated[
            str,
            Field(
                description="Namespace; empty: the one of the kubeconfig's context; `*`: all.",
                max_length=63,
            ),
        ] = "",
        severity: Annotated[
            Severity, Field(description="The least severity to list.")
        ] = Severity.NONE,
        state: Annotated[
            str,
            Field(
                description="State to list, in any case. Anomalies: Open, Recovering, Closed, or "
                "all; empty: those that are not closed. Services: Pending, Learning, Healthy, "
                "Anomalous, Degraded, Suspended; empty or all: each.",
                max_length=20,
            ),
        ] = "",
    ) -> Annotated[CallToolResult, answers.Listing]:
        """List incidents or services, worst first, at most 100."""
        where = ALL_NAMESPACES if namespace == EVERYWHERE else namespace
        found = self._anomalies if kind is Kind.ANOMALIES else self._services
        spread = namespace == EVERYWHERE
        return await self._calls.ask(partial(found, where, severity, state, spread=spread))

    async def show(
        self, name: AnomalyName, namespace: Namespace = ""
    ) -> Annotated[CallToolResult, answers.AnomalyStory]:
        """Tell the story of one incident: what, how bad, since when, why, what changed, what to do
        first."""
        return await self._calls.ask(partial(self._story, name, namespace))

    async def explain(
        self, service: ServiceName, namespace: Namespace = ""
    ) -> Annotated[CallToolResult, answers.Explanation]:
        """Say why a service has its verdict now, each metric beside its usual range, and what would
        have to change for an incident to open."""
        return await self._calls.ask(partial(self._explained, service, namespace))

    def _anomalies(
        self, namespace: str, least: Severity, state: str, *, spread: bool
    ) -> answers.Told:
        wanted = _state(state, [*IncidentPhase])
        closed = state.lower() in {"all", IncidentPhase.CLOSED.value.lower()}
        with self._options.cluster(namespace) as cluster:
            where = ALL_NAMESPACES if spread else cluster.namespace
            found = incidents.incidents(cluster, where, closed=closed)
        found = [
            one
            for one in found
            if one.severity.rank >= least.rank and wanted in {"", one.state.lower()}
        ]
        now = int(time.time())
        rows = [incidents.cells(one, now, spread=spread) for one in found[:MAX_ITEMS]]
        shown = answers.Listing(
            note=_left(len(found)),
            total=len(found),
            anomalies=[described.anomaly_line(one) for one in found[:MAX_ITEMS]],
        )
        return answers.Told(_table(incidents.heads(spread=spread), rows, shown.note), shown)

    def _services(
        self, namespace: str, least: Severity, state: str, *, spread: bool
    ) -> answers.Told:
        wanted = _state(state, [*State])
        with self._options.cluster(namespace) as cluster:
            where = ALL_NAMESPACES if spread else cluster.namespace
            ranked = [top.ranked(raw) for raw in cluster.list(SERVICE, where)]
        found = [
            one
            for one in top.ordered(ranked, "severity")
            if one.line.severity.rank >= least.rank and wanted in {"", one.line.state.lower()}
        ]
        now = int(time.time())
        rows = [top.cells(one, now, spread=spread) for one in found[:MAX_ITEMS]]
        shown = answers.Listing(
            note=_left(len(found)),
            total=len(found),
            services=[described.service_line(one) for one in found[:MAX_ITEMS]],
        )
        return answers.Told(_table(top.heads(spread=spread), rows, shown.note), shown)

    def _story(self, name: str, namespace: str) -> answers.Told:
        with self._options.cluster(namespace) as cluster:
            one = incident(cluster.get(ANOMALY, bare(name)))
        return answers.Told("\n".join(story(one, int(time.time()), WIDTH)), described.anomaly(one))

    def _explained(self, service: str, namespace: str) -> answers.Told:
        with self._options.cluster(namespace) as cluster:
            found = explained(cluster.get(SERVICE, bare(service)))
        text = "\n".join(explanation(found, int(time.time()), WIDTH))
        return answers.Told(text, answers.Explanation.model_validate(document(found)))


def _state(text: str, known: Sequence[StrEnum]) -> str:
    """In lower case, empty for each. Raises ArgumentError."""
    wanted = text.lower()
    if wanted in {"", "all"}:
        return ""
    if wanted not in {one.value.lower() for one in known}:
        names = ", ".join(one.value for one in known)
        raise ArgumentError(f"state {text!r} is not known; give one of {names}, or all")
    return wanted


def _left(total: int) -> str:
    if total <= MAX_ITEMS:
        return ""
    return (
        f"{MAX_ITEMS} of {total} are listed, the worst first; narrow them by namespace, severity "
        "or state."
    )


def _table(heads: Sequence[str], rows: Sequence[tuple[str, ...]], note: str) -> str:
    if not rows:
        return "none"
    lines = [line.plain for line in console.columns(tuple(heads), rows)]
    return "\n".join([*lines, *([note] if note else [])])
