"""The metrics around an incident, from a recording or from a Prometheus that the user names."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaly_cli.incident_report.reading import IncidentReport
from anomaly_cli.incident_report.timeline import Fields, part
from anomaly_cli.named_prometheus import fetch, metrics_at
from anomaly_cli.recording import ReadOptions, RecordingError, read
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.vocabulary import Unit
from detector_runtime.series.frame import Floats, Frame

MAX_SERIES = 16
MAX_WINDOWS = 10_000
FETCH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class MetricSeries:
    """`values` (n,) of windows whose ends are `times[0]` to `times[-1]`; rows [first, last] are
    those of the incident."""

    name: str
    unit: Unit
    values: Floats
    start: int
    end: int
    first: int
    last: int


def recorded(
    path: Path, service: Fields | None, report: IncidentReport, around: int
) -> list[MetricSeries]:
    """Of a recording, `around` seconds before and after; units are those of the service's metrics
    of the same names. Raises RecordingError, OSError.
    """
    frame = read(path, None, None, ReadOptions()).frame
    spec, _ = parse_service(part(service or {}, "spec"))
    units = {one.name: one.unit for one in spec.metrics} if spec else {}
    found = cut(frame, units, report, around)
    if not found:
        raise RecordingError(f"{path} has no window from around {report.name}")
    return found


def queried(
    url: str, service: Fields | None, report: IncidentReport, around: int
) -> list[MetricSeries]:
    """The service's own queries at `url`. Raises RecordingError."""
    where = f"--source-url {url}"
    spec, problems = parse_service(part(service or {}, "spec"))
    if spec is None:
        said = str(problems[0]) if service else "it is gone"
        raise RecordingError(f"{where}: the queries of {report.service} are not known: {said}")
    step = spec.step_seconds
    start = (report.start - around) // step * step
    end = min(-(-(report.end + around) // step) * step, int(time.time()) // step * step)
    if (end - start) // step > MAX_WINDOWS:
        raise RecordingError(
            f"{where}: the incident has {(end - start) // step} windows, more than {MAX_WINDOWS}; "
            "export a part of it and give --data"
        )
    metrics = metrics_at(url, spec, report.namespace, report.service)[:MAX_SERIES]
    fetched = fetch(url, metrics, step, (start, end), FETCH_SECONDS)
    return cut(fetched.frame, {one.name: one.unit for one in metrics}, report, around)


def cut(
    frame: Frame, units: dict[str, Unit], report: IncidentReport, around: int
) -> list[MetricSeries]:
    """Columns of `frame` with a value, over the windows from `around` seconds before to after."""
    rows = np.flatnonzero(
        (frame.times >= report.start - around) & (frame.times <= report.end + around)
    )
    if not len(rows):
        return []
    part_of = frame.rows(int(rows[0]), int(rows[-1]) + 1)
    inside = np.flatnonzero((part_of.times >= report.start) & (part_of.times <= report.end))
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, -1)
    return [
        MetricSeries(
            name,
            units.get(name, Unit.NONE),
            part_of.values[:, at],
            int(part_of.times[0]),
            int(part_of.times[-1]),
            first,
            last,
        )
        for at, name in enumerate(part_of.names)
        if np.isfinite(part_of.values[:, at]).any()
    ][:MAX_SERIES]
