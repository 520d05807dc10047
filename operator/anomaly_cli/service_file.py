"""From an AnomalyService in YAML, or from nothing, to what a replay needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anomaly_operator.settings.yaml_text import YAMLError, load_all
from anomaly_operator.spec.service import IncidentPlan, ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit


class ServiceFileError(ValueError):
    """A file without one valid AnomalyService. The message names file, field and next step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The service's spec and its metrics as columns of the recording, in the recording's order."""

    spec: ServiceSpec
    metrics: tuple[MetricSpec, ...]
    incidents: IncidentPlan


def plan(path: Path | None, columns: tuple[str, ...]) -> Plan:
    """The plan for a recording with these metric columns.

    A metric takes the column that its name or its query names; with no metrics of its own (a
    preset, or no file) the service reads every column. Raises ServiceFileError, OSError.
    """
    document = {"preset": "OpenTelemetrySpanMetrics"} if path is None else _spec(path)
    spec, problems = parse_service(document)
    if spec is None:
        where = f"{path}: " if path else ""
        raise ServiceFileError(where + "; ".join(str(problem) for problem in problems))
    if not spec.metrics:
        metrics = _from_columns(columns)
    else:
        for metric in spec.metrics:
            _require_column(metric, columns, path)
        metrics = spec.metrics
    return Plan(spec, metrics, spec.incidents)


def _spec(path: Path) -> object:
    try:
        documents = load_all(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ServiceFileError(
            f"{path} is not UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    except YAMLError as error:
        raise ServiceFileError(f"{path}: {error}") from error
    found = [
        one for one in documents if isinstance(one, dict) and one.get("kind") == "AnomalyService"
    ]
    if len(found) != 1:
        raise ServiceFileError(f"{path} has {len(found)} AnomalyService objects; give exactly one")
    return found[0].get("spec") or {}


def _from_columns(columns: tuple[str, ...]) -> tuple[MetricSpec, ...]:
    return tuple(MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH) for name in columns)


def _require_column(metric: MetricSpec, columns: tuple[str, ...], path: Path | None) -> None:
    if metric.name not in columns and metric.query not in columns:
        raise ServiceFileError(
            f"{path}: spec.metrics: the recording has no column {metric.name!r}; "
            f"it has {', '.join(columns)}"
        )
