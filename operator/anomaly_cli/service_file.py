"""From an AnomalyService in YAML, or from nothing, to what a replay needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from anomaly_cli.event_columns import EventColumns, event_columns
from anomaly_cli.object_files import (
    DEFAULT_NAMESPACE,
    UNNAMED,
    Objects,
    ServiceDocument,
    ServiceFileError,
    read_objects,
    stand_in,
)
from anomaly_cli.sampling import MAX_STEP
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.manifests.span_metrics import span_metrics
from anomaly_operator.settings.values import SpanMetrics
from anomaly_operator.slo.choice import PolicyChoice, policy_for
from anomaly_operator.spec.service import IncidentPlan, ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.run_config import MetricSpec, SLOSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit

NOBODY = stand_in(SERVICE.kind, DEFAULT_NAMESPACE, UNNAMED)
"""The service of a recording for which no file describes one."""
_DEFAULT_SPEC = {"preset": "OpenTelemetrySpanMetrics"}


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """`path`: None without a file. `time_zone`, `step_seconds`: those that the file names, else
    empty and None. `policy`: what the SLOPolicies of the files come to for it."""

    path: Path | None
    spec: ServiceSpec
    time_zone: str = ""
    step_seconds: int | None = None
    meta: Meta = NOBODY
    policy: PolicyChoice = field(default_factory=PolicyChoice)


@dataclass(frozen=True, slots=True)
class Plan:
    """The service's spec and its metrics, each with its column of the recording; `notes` on what
    was matched by anything but its name. `slo`: the policy as it applies to the service; `events`:
    the columns of its objectives. `patterns`: all but the built-in ones, of two with one name the
    later."""

    spec: ServiceSpec
    metrics: tuple[MetricSpec, ...]
    columns: tuple[str, ...]
    incidents: IncidentPlan
    notes: tuple[str, ...] = ()
    meta: Meta = NOBODY
    slo: SLOSpec | None = None
    events: tuple[EventColumns, ...] = ()
    patterns: tuple[PatternSpec, ...] = ()


def service(path: Path | None, name: str | None = None) -> ServiceFile:
    """The AnomalyService in a file, called `name` where there are several; without a file one with
    default settings that reads every column. Raises ServiceFileError, OSError.
    """
    return without_file() if path is None else chosen(read_objects((path,)), name)


def without_file(name: str = NOBODY.name) -> ServiceFile:
    """A service with default settings that reads every column."""
    spec, _ = parse_service(_DEFAULT_SPEC)
    assert spec is not None
    return ServiceFile(None, spec, meta=stand_in(SERVICE.kind, DEFAULT_NAMESPACE, name))


def chosen(objects: Objects, name: str | None = None, hint: str = "") -> ServiceFile:
    """The one AnomalyService of `objects`, else the one called `name`, else the one called `hint`.
    Raises ServiceFileError."""
    found, where = objects.services, objects.said
    names = ", ".join(one.name for one in found)
    if name is not None:
        found = tuple(one for one in found if name in {one.name, one.meta.name})
        if len(found) != 1:
            raise ServiceFileError(
                f"{where}: {len(found)} AnomalyServices are called {name!r}; choose one with "
                f"--service: {names or 'the file has none'}"
            )
    if not found:
        raise ServiceFileError(
            f"{where} has no AnomalyService; give a file with one, such as the output of kubectl "
            "get anomalyservice NAME -o yaml"
        )
    if len(found) > 1:
        hinted = tuple(one for one in found if one.meta.name == hint)
        if len(hinted) != 1:
            raise ServiceFileError(
                f"{where} has {len(found)} AnomalyServices; choose one with --service: {names}"
            )
        found = hinted
    return read_service(found[0], objects)


def read_service(given: ServiceDocument, objects: Objects) -> ServiceFile:
    """A service with the policy that holds for it, as the operator chooses it. Raises
    ServiceFileError."""
    path, document = given.path, given.document.get("spec") or {}
    where = f"{path}: {SERVICE.kind} {given.meta.name}"
    named = document if isinstance(document, dict) else {}
    _check_step(where, named.get("step"))
    spec, problems = parse_service(document)
    if spec is None:
        raise ServiceFileError(f"{where}: " + "; ".join(str(problem) for problem in problems))
    policies = [one for one in objects.policies if one.meta.namespace == given.meta.namespace]
    return ServiceFile(
        path,
        spec,
        spec.time_zone if "timeZone" in named else "",
        spec.step_seconds if "step" in named else None,
        given.meta,
        policy_for(given.meta, spec.slo_policy, policies),
    )


def plan(path: Path | None, columns: tuple[str, ...], name: str | None = None) -> Plan:
    """As `planned`, of the service in a file. Raises ServiceFileError, OSError."""
    return planned(service(path, name), columns)


def planned(given: ServiceFile, columns: tuple[str, ...]) -> Plan:
    """The plan for a recording with these metric columns.

    A metric takes the column that its name or its query names; a single metric takes a single
    column. With no metrics of its own (a preset, or no file) the service reads every column; one
    that has the name of a metric of the preset is that metric, and one that an objective counts is
    none. Raises ServiceFileError.
    """
    spec, meta = given.spec, given.meta
    names = {"service": meta.name, **spec.parameters, "namespace": meta.namespace}
    events = event_columns(given.policy.objectives, columns, names)
    plan = Plan(
        spec,
        spec.metrics,
        columns,
        spec.incidents,
        meta=meta,
        slo=given.policy.slo,
        events=events,
        patterns=spec.patterns,
    )
    if not spec.metrics:
        known = {one.name: one for one in span_metrics(SpanMetrics())} if given.path else {}
        counted = {column for one in events for column in one.columns.values()} - known.keys()
        # What an objective counts is a metric only where there is nothing else to judge.
        judged = tuple(name for name in columns if name not in counted) or columns
        metrics = tuple(known.get(name) or _custom(name) for name in judged)
        return replace(plan, metrics=metrics, columns=judged)
    if len(spec.metrics) == len(columns) == 1:
        (metric,), (column,) = spec.metrics, columns
        told = () if column in {metric.name, metric.query} else (_taken(column, metric),)
        return replace(plan, notes=told)
    where = f"{given.path}: {SERVICE.kind} {meta.name}"
    return replace(plan, columns=tuple(_column(one, columns, where) for one in spec.metrics))


def _check_step(where: str, step: object) -> None:
    """First of all, because a step too long breaks other rules too, and those hide the reason."""
    try:
        seconds = parse_seconds(step) if isinstance(step, str) else 0
    except ValueError:
        return  # the spec's own rules say what a duration is
    if seconds > MAX_STEP:
        raise ServiceFileError(
            f"{where}: spec.step is {step}, and steps go up to {format_seconds(MAX_STEP)}; data "
            "further apart, such as daily data, cannot be judged"
        )


def _custom(name: str) -> MetricSpec:
    return MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH)


def _taken(column: str, metric: MetricSpec) -> str:
    return f"column {column!r}, the only one, is read as metric {metric.name!r}"


def _column(metric: MetricSpec, columns: tuple[str, ...], where: str) -> str:
    for one in (metric.name, metric.query):
        if one in columns:
            return one
    raise ServiceFileError(
        f"{where}: spec.metrics: the recording has no column {metric.name!r}; "
        f"it has {', '.join(columns)}; rename the column or the metric"
    )
