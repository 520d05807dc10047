"""Rows from metrics of a Prometheus API, joined per point of time.

The queries are evaluated on a grid of at most 15 s. A new value of the Step metric makes a row of
what all metrics say at that point; a step that is scraped again makes none. A metric that says
nothing at a point is not known there. Without a Step metric there are no rows: what is told of a
row, and where to go back to, is its step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from math import isfinite

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.contract.vocabulary import Role
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.http_exchange import Limits
from detector_runtime.run_log.field_names import field_by_metric
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.sources.address_guard import Resolver, system_resolver
from detector_runtime.sources.completeness import Notes, merged
from detector_runtime.sources.prometheus import MAX_CLOCK_SKEW, MAX_REMARKS
from detector_runtime.sources.prometheus_api import PrometheusMounts, open_api
from detector_runtime.sources.prometheus_reply import Samples
from detector_runtime.sources.range_queries import RangeQueries
from detector_runtime.sources.spans import chunks
from detector_runtime.training_run.rows import STEP, TIME, Row, RowError, row_of

FINEST, COARSEST = 5, 15
"""Seconds between two points: about the pause between two scrapes, and few of them in a window."""
SPAN_POINTS = 5_000
"""Points of each metric in memory at once."""
LOOKBACK = 7 * 86_400
"""Seconds before the first run, where the service does not say how far to look back."""


class PrometheusRows:
    """A `RowSource` on `/api/v1/query_range`. `deadline` (time.monotonic) bounds one `read`.

    ConfigInvalidError where no metric has the role Step."""

    def __init__(
        self,
        spec: SourceSpec,
        metrics: tuple[MetricSpec, ...],
        *,
        step: int,
        lookback: int,
        mounts: PrometheusMounts,
        deadline: float,
        api_server: tuple[str, int] | None = None,
        resolve: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        step_metric = next((one for one in metrics if one.role is Role.STEP), None)
        if step_metric is None:
            raise ConfigInvalidError(
                "spec.metrics: none has the role Step; add the metric that counts the steps"
            )
        self._step = step_metric
        api = open_api(spec, mounts, api_server, resolve)
        self._credentials, self._connection = api.credentials, api.connection
        self._grid = grid_seconds(step)
        self._queries = RangeQueries(
            spec,
            self._grid,
            connection=api.connection,
            requests=api.requests,
            credentials=api.credentials,
            limits=Limits(spec.timeout_seconds, deadline, spec.max_response_bytes),
            sleep=sleep,
        )
        self._fields = field_by_metric(metrics)
        self._others = [one for one in metrics if one is not self._step]
        self._lookback = lookback or LOOKBACK
        self._through = 0
        self._last = ""
        self._said = Notes()

    def read(self, position: Position | None, until: float) -> Iterator[Row | BadLine]:
        """See `RowSource.read`. RunError as for scoring; what was yielded before it stays read."""
        newest = _before(until, self._grid)
        # Before the first row is asked for: the position is right also when none ever is.
        self._go_to(position or {}, newest)
        return self._through_to(newest)

    def _through_to(self, newest: int) -> Iterator[Row | BadLine]:
        try:
            for first, last in chunks(self._through, newest, self._grid, SPAN_POINTS):
                samples = self._samples(first - self._grid, last)
                gaps = any(one.notes.gaps for one in samples.values())
                yield from self._rows(samples)
                # A partial answer is asked for again from its last row on.
                if not gaps:
                    self._through = last
        finally:
            self._connection.close()

    def position(self) -> Position:
        """See `RowSource.position`."""
        return {"through": self._through, "last": self._last}

    def notes(self) -> tuple[str, ...]:
        """See `RowSource.notes`."""
        notes = [f"the source's answer is partial: {gap}" for gap in self._said.gaps]
        skew = self._queries.skew
        if abs(skew) > MAX_CLOCK_SKEW:
            way = "ahead of" if skew > 0 else "behind"
            # Without the figure: a note that changes from run to run is a write each.
            limit = f"{MAX_CLOCK_SKEW:.0f} s"
            notes.append(f"the source's clock is more than {limit} {way} this pod's")
        notes += self._said.remarks[:MAX_REMARKS]
        return tuple(self._credentials.redact(text) for text in notes)

    def _go_to(self, position: Position, newest: int) -> None:
        through, last = position.get("through"), position.get("last")
        self._through, self._last, self._said = newest - self._lookback, "", Notes()
        if isinstance(through, int) and through > 0:
            self._through, self._last = through, str(last)

    def _samples(self, start: int, end: int) -> dict[str, Samples]:
        """By field. The step decides where rows are: without one nothing else is asked for."""
        found = {STEP: self._queries.samples(self._step, start, end)}
        if len(found[STEP].times):
            for metric in self._others:
                found[self._fields[metric.name]] = self._queries.samples(metric, start, end)
        self._said = merged((self._said, *(one.notes for one in found.values())))
        return found

    def _rows(self, samples: Mapping[str, Samples]) -> Iterator[Row | BadLine]:
        by_field = {
            field: dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
            for field, one in samples.items()
        }
        for moment, step in by_field[STEP].items():
            # As text, in which NaN is the same as NaN.
            if repr(step) == self._last:
                continue
            self._through, self._last = moment, repr(step)
            yield _row(moment, {name: at[moment] for name, at in by_field.items() if moment in at})


def _row(moment: int, fields: Mapping[str, float]) -> Row | BadLine:
    step = fields[STEP]
    # An average of steps over several series is still about that step.
    whole = int(step) if isfinite(step) else step
    try:
        return row_of({**fields, STEP: whole, TIME: moment})
    except RowError as error:
        return BadLine(f"sample at unix time {moment}", str(error))


def grid_seconds(step: int) -> int:
    """The pause between two points: the largest divisor of `step` from 5 to 15 s, else `step`."""
    return next((one for one in range(COARSEST, FINEST - 1, -1) if step % one == 0), step)


def _before(until: float, grid: int) -> int:
    """The last point of the grid before `until`."""
    point = int(until // grid) * grid
    return point if point < until else point - grid
