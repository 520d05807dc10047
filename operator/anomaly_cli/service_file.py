"""From an AnomalyService in YAML, or from nothing, to what a replay needs to know."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_cli.sampling import MAX_STEP
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.settings.yaml_text import YAMLError, load_all
from anomaly_operator.spec.service import IncidentPlan, ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit


class ServiceFileError(ValueError):
    """A file without one valid AnomalyService. The message names file, field and next step."""


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """`path`: None without a file. `time_zone`, `step_seconds`: those that the file names, else
    empty and None."""

    path: Path | None
    spec: ServiceSpec
    time_zone: str = ""
    step_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The service's spec and its metrics, each with its column of the recording; `notes` on what
    was matched by anything but its name."""

    spec: ServiceSpec
    metrics: tuple[MetricSpec, ...]
    columns: tuple[str, ...]
    incidents: IncidentPlan
    notes: tuple[str, ...] = ()


def service(path: Path | None, name: str | None = None) -> ServiceFile:
    """The AnomalyService in a file, called `name` where there are several; without a file one with
    default settings that reads every column. Raises ServiceFileError, OSError.
    """
    document = {"preset": "OpenTelemetrySpanMetrics"} if path is None else _spec(path, name)
    named = document if isinstance(document, dict) else {}
    _check_step(path, named.get("step"))
    spec, problems = parse_service(document)
    if spec is None:
        where = f"{path}: " if path else ""
        raise ServiceFileError(where + "; ".join(str(problem) for problem in problems))
    return ServiceFile(
        path,
        spec,
        spec.time_zone if "timeZone" in named else "",
        spec.step_seconds if "step" in named else None,
    )


def plan(path: Path | None, columns: tuple[str, ...], name: str | None = None) -> Plan:
    """As `planned`, of the service in a file. Raises ServiceFileError, OSError."""
    return planned(service(path, name), columns)


def planned(given: ServiceFile, columns: tuple[str, ...]) -> Plan:
    """The plan for a recording with these metric columns.

    A metric takes the column that its name or its query names; a single metric takes a single
    column. With no metrics of its own (a preset, or no file) the service reads every column.
    Raises ServiceFileError.
    """
    spec = given.spec
    if not spec.metrics:
        return Plan(spec, _from_columns(columns), columns, spec.incidents)
    if len(spec.metrics) == len(columns) == 1:
        (metric,), (column,) = spec.metrics, columns
        told = () if column in {metric.name, metric.query} else (_taken(column, metric),)
        return Plan(spec, spec.metrics, columns, spec.incidents, told)
    chosen = tuple(_column(metric, columns, given.path) for metric in spec.metrics)
    return Plan(spec, spec.metrics, chosen, spec.incidents)


def _check_step(path: Path | None, step: object) -> None:
    """First of all, because a step too long breaks other rules too, and those hide the reason."""
    try:
        seconds = parse_seconds(step) if isinstance(step, str) else 0
    except ValueError:
        return  # the spec's own rules say what a duration is
    if seconds > MAX_STEP:
        raise ServiceFileError(
            f"{path}: spec.step is {step}, and steps go up to {format_seconds(MAX_STEP)}; data "
            "further apart, such as daily data, cannot be judged"
        )


def _spec(path: Path, name: str | None) -> object:
    found = _services(path)
    names = [_name(one) for one in found]
    if name is not None:
        found = [one for one in found if name in {_name(one), _name(one).rpartition("/")[2]}]
        if len(found) != 1:
            raise ServiceFileError(
                f"{path}: {len(found)} AnomalyServices are called {name!r}; choose one with "
                f"--service: {', '.join(names) or 'the file has none'}"
            )
    if not found:
        raise ServiceFileError(
            f"{path} has no AnomalyService; give a file with one, such as the output of kubectl "
            "get anomalyservice NAME -o yaml"
        )
    if len(found) > 1:
        raise ServiceFileError(
            f"{path} has {len(found)} AnomalyServices; choose one with --service: "
            f"{', '.join(names)}"
        )
    return found[0].get("spec") or {}


def _services(path: Path) -> list[dict[str, Any]]:
    """The AnomalyServices of all documents of a file in YAML or JSON, those in lists too."""
    try:
        documents = _documents(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ServiceFileError(
            f"{path} is not UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    except YAMLError as error:
        raise ServiceFileError(f"{path}: {error}") from error
    return [one for document in documents for one in _in(document)]


def _documents(text: str) -> list[Any]:
    if text.lstrip().startswith(("{", "[")):
        # JSON may be indented by tabs, which YAML forbids.
        with contextlib.suppress(json.JSONDecodeError):
            return [json.loads(text)]
    return load_all(text)


def _in(document: object) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _in(one)
    elif isinstance(document, dict):
        if document.get("kind") == "AnomalyService":
            yield document
        elif str(document.get("kind", "")).endswith("List"):
            # The items of a list by kubectl may leave out what the list's kind says.
            kind = str(document["kind"]).removesuffix("List")
            for one in document.get("items") or []:
                yield from _in({"kind": kind, **one} if isinstance(one, dict) else one)


def _name(document: dict[str, Any]) -> str:
    """With the namespace where the object names one."""
    metadata = document.get("metadata")
    parts = metadata if isinstance(metadata, dict) else {}
    return "/".join(str(parts[key]) for key in ("namespace", "name") if parts.get(key))


def _from_columns(columns: tuple[str, ...]) -> tuple[MetricSpec, ...]:
    return tuple(MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH) for name in columns)


def _taken(column: str, metric: MetricSpec) -> str:
    return f"column {column!r}, the only one, is read as metric {metric.name!r}"


def _column(metric: MetricSpec, columns: tuple[str, ...], path: Path | None) -> str:
    for one in (metric.name, metric.query):
        if one in columns:
            return one
    raise ServiceFileError(
        f"{path}: spec.metrics: the recording has no column {metric.name!r}; "
        f"it has {', '.join(columns)}; rename the column or the metric"
    )
