"""`/api/series`: a service's values, usual range, scores and incidents, for a chart."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.usual import Answer
from anomaly_dashboard.pages.entry import SightIn, SiteIn
from anomaly_dashboard.pages.errors import PageError, missing
from anomaly_dashboard.series.curves import Curves, joined, thinned
from anomaly_dashboard.series.sources import Queries, SeriesRefusedError
from anomaly_dashboard.series.span import DEFAULT_HOURS, span_of
from anomaly_dashboard.views.series import Json, running_in, series_document
from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import read_history

router = APIRouter()


_NO_DESK = "This dashboard was started without metrics sources."


def _maybe(request: Request) -> Desk | None:
    desk: Desk | None = request.app.state.parts.desk
    return desk


def _desk(desk: Annotated[Desk | None, Depends(_maybe)]) -> Desk:
    if desk is None:
        raise PageError(503, "No metrics", _NO_DESK)
    return desk


DeskIn = Annotated[Desk, Depends(_desk)]


@router.get("/api/series")
async def series(
    site: SiteIn,
    sight: SightIn,
    desk: Annotated[Desk | None, Depends(_maybe)],
    *,
    namespace: str,
    service: str,
    hours: int = DEFAULT_HOURS,
) -> Response:
    """The last `hours` as JSON. Why something is not in it stands in `notes`."""
    raw = sight.service(namespace, service)
    if raw is None:
        raise missing("service", namespace, service)
    if desk is None:
        return _nothing(_NO_DESK)
    now = site.clock()
    try:
        queries = desk.sources.queries(raw)
    except SeriesRefusedError as error:
        return _nothing(str(error))
    try:
        span = span_of(hours, queries.spec.step_seconds, queries.source.delay_seconds, now)
    except ValueError as error:
        raise PageError(400, "Out of range", f"{error}.") from error
    frame, notes = await desk.proxy.frame(queries, span)
    usual = desk.usual.find(queries, raw, hours, now)
    incidents = running_in(sight.incidents(), (namespace, service), span)
    return JSONResponse(await asyncio.to_thread(_drawn, frame, queries, usual, incidents, notes))


def _nothing(why: str) -> Response:
    nothing = Curves.of_values(np.empty(0, dtype=np.int64), (), np.empty((0, 0)), 0)
    return JSONResponse(series_document(nothing, (), (), (why,)))


def _drawn(
    frame: Frame, queries: Queries, usual: Answer, incidents: list[Json], notes: list[str]
) -> Json:
    """A counter is drawn by its increase per window, which is what is judged."""
    clean = read_history(frame, queries.metrics).frame
    curves = Curves.of_values(clean.times, clean.names, clean.values, clean.step)
    if usual.curves is not None:
        curves = joined(curves, usual.curves)
    units = [metric.unit.value for metric in queries.metrics]
    told = [*notes, usual.note]
    return series_document(thinned(curves), units, incidents, told, pending=usual.pending)
