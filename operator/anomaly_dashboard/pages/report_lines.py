"""The metrics around an incident, for its report: from the source that the service names.

A report is worth having without them, so a source that does not answer leaves them out.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.incident_report.reading import IncidentReport
from anomaly_cli.incident_report.series import MAX_SERIES, MetricSeries, cut
from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.series.sources import SeriesRefusedError
from anomaly_dashboard.series.span import MAX_QUERIED, Span
from detector_runtime.series.reading import read_history

AROUND = 3_600
"""Seconds before the first and after the last anomalous window."""


def _desk(request: Request) -> Desk | None:
    desk: Desk | None = request.app.state.parts.desk
    return desk


DeskOrNone = Annotated[Desk | None, Depends(_desk)]


async def report_lines(
    desk: Desk | None, service: Raw | None, report: IncidentReport, now: float
) -> list[MetricSeries]:
    """At most MAX_SERIES; none where the source has none, or is not there."""
    if desk is None or service is None or not report.start:
        return []
    try:
        found = desk.sources.queries(service)
        queries = replace(found, metrics=found.metrics[:MAX_SERIES])
        span = _around(report, queries.spec.step_seconds, now - queries.source.delay_seconds)
        frame, _ = await desk.proxy.frame(queries, span)
    except SeriesRefusedError:
        return []
    units = {metric.name: metric.unit for metric in queries.metrics}
    clean = await asyncio.to_thread(read_history, frame, queries.metrics)
    return cut(clean.frame, units, report, AROUND)


def _around(report: IncidentReport, step: int, newest: float) -> Span:
    """On the service's own step, or on a multiple of it where the incident was long."""
    seconds = report.end - report.start + 2 * AROUND
    wide = step * max(-(-seconds // (step * (MAX_QUERIED - 2))), 1)
    end = min(-(-(report.end + AROUND) // wide) * wide, int(newest) // wide * wide)
    start = (report.start - AROUND) // wide * wide
    return Span(min(start, end - wide), end, wide)
