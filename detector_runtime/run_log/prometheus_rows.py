"""Rows from metrics of a Prometheus API, joined per point of time.

The queries are evaluated on a grid of at most 15 s. A new value of the Step metric makes a row of
what all metrics say at that point; a step that is scraped again makes none. Without a Step metric
any changed value makes a row, and its step counts points of the grid since 1970, so that a run
that lost its state counts alike. A metric that says nothing at a point is not known there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from math import isfinite

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
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

Values = tuple[str, ...]
"""Values as text, in which NaN is the same as NaN; empty for none."""


class PrometheusRows:
    """A `RowSource` on `/api/v1/query_range`. `deadline` (time.monotonic) bounds one `read`."""

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
        # The step decides where the rows are, so its query is asked first.
        self._metrics = sorted(metrics, key=lambda one: self._fields[one.name] != STEP)
        self._has_step = STEP in self._fields.values()
        self._lookback = lookback or LOOKBACK
        self._through = 0
        self._last: Values | None = None
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
        return {"through": self._through, "last": None if self._last is None else [*self._last]}

    def notes(self) -> tuple[str, ...]:
        """See `RowSource.notes`."""
        notes = [f"the source's answer is partial: {gap}" for gap in self._said.gaps]
        skew = self._queries.skew
        if abs(skew) > MAX_CLOCK_SKEW:
            way = "ahead of" if skew > 0 else "behind"
            notes.append(f"the source's clock is {abs(skew):.0f} s {way} this pod's")
        if not self._has_step:
            notes.append(
                f"no metric has the role Step, so a step is a point of {self._grid} s, counted "
                "since 1970"
            )
        notes += self._said.remarks[:MAX_REMARKS]
        return tuple(self._credentials.redact(text) for text in notes)

    def _go_to(self, position: Position, newest: int) -> None:
        through, last = position.get("through"), position.get("last")
        self._through, self._last, self._said = newest - self._lookback, None, Notes()
        if not isinstance(through, int) or through <= 0:
            return
        self._through = through
        # Of another number of metrics, the last values are of other metrics too.
        compared = 1 if self._has_step else len(self._metrics)
        if isinstance(last, list) and len(last) == compared:
            self._last = tuple(str(one) for one in last)

    def _samples(self, start: int, end: int) -> dict[str, Samples]:
        found: dict[str, Samples] = {}
        for metric in self._metrics:
            found[metric.name] = self._queries.samples(metric, start, end)
            if self._has_step and not len(found[self._metrics[0].name].times):
                break
        self._said = merged((self._said, *(one.notes for one in found.values())))
        return found

    def _rows(self, samples: Mapping[str, Samples]) -> Iterator[Row | BadLine]:
        by_name = {
            name: dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
            for name, one in samples.items()
        }
        leading = [self._metrics[0].name] if self._has_step else list(by_name)
        for moment in sorted({moment for name in leading for moment in by_name[name]}):
            values = tuple(
                repr(by_name[name][moment]) if moment in by_name[name] else "" for name in leading
            )
            if values == self._last:
                continue
            self._through, self._last = moment, values
            named = {name: at[moment] for name, at in by_name.items() if moment in at}
            yield self._row(moment, named)

    def _row(self, moment: int, named: Mapping[str, float]) -> Row | BadLine:
        fields: dict[str, object] = {self._fields[name]: value for name, value in named.items()}
        if not self._has_step:
            fields[STEP] = moment // self._grid
        elif isinstance(step := fields[STEP], float) and isfinite(step):
            # An average of steps over series is still about that step.
            fields[STEP] = int(step)
        try:
            return row_of({**fields, TIME: moment})
        except RowError as error:
            return BadLine(f"sample at unix time {moment}", str(error))


def grid_seconds(step: int) -> int:
    """The pause between two points: the largest divisor of `step` from 5 to 15 s, else `step`."""
    return next((one for one in range(COARSEST, FINEST - 1, -1) if step % one == 0), step)


def _before(until: float, grid: int) -> int:
    """The last point of the grid before `until`."""
    point = int(until // grid) * grid
    return point if point < until else point - grid
