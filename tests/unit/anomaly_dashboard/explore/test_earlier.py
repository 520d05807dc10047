"""A next try computes and reads what is new in it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anomaly_dashboard.explore.earlier import KEPT_SECONDS, Earlier
from anomaly_dashboard.explore.job import Job, Side
from anomaly_dashboard.explore.process import LIMITS, Limits, Progress
from anomaly_dashboard.explore.reading import Reads, Setting, job_of
from anomaly_dashboard.explore.tried import Tried
from anomaly_dashboard.series.curves import Curves
from anomaly_dashboard.series.proxy import Column, Proxy
from anomaly_dashboard.series.sources import Queries, Sources
from anomaly_dashboard.series.span import Span
from anomaly_operator.settings.file import parse_settings
from detector_runtime.contract.run_config import MetricSpec
from unit.anomaly_dashboard.explore.recorded import POLICY, WARMUP, frame, service
from unit.anomaly_dashboard.explore.trial_desk import SETTINGS, drawn
from unit.anomaly_dashboard.explore.trial_desk import service as live
from unit.anomaly_dashboard.signed_in import NOW


class Worker:
    """Says what it was asked, each time another answer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[list[str]] = []

    def clock(self) -> float:
        return self.now

    async def carry(self, job: Job, _: Path | None, __: Limits, ___: Progress) -> tuple[Tried, ...]:
        self.asked.append([side.label for side in job.sides])
        return tuple(self._answer(side.label) for side in job.sides)

    def _answer(self, label: str) -> Tried:
        times, values = np.arange(3, dtype=np.int64), np.zeros((3, 1))
        curves = Curves.of_values(times, ("a",), values, 1)
        return Tried(label, 1.0, len(self.asked), 0, 0, 1, 0, (), "", (), (), curves, ("",), ())


def side(label: str, **spec: Any) -> Side:
    return Side(label, service(**spec), (POLICY,), frame(), WARMUP)


def job(*sides: Side, points: int = 10) -> Job:
    return Job(sides, 0, points)


def progress(_: int, __: int) -> None: ...


async def tell(earlier: Earlier, given: Job, settings: Path | None = None) -> list[tuple[str, int]]:
    """Of each side its label, and in which turn of the worker it was answered."""
    found = await earlier.carry(given, settings, LIMITS, progress)
    return [(one.label, one.windows) for one in found]


async def test_the_side_that_stays_is_not_computed_again() -> None:
    worker = Worker()
    earlier = Earlier(worker.carry, worker.clock)
    first, second = (
        side("changed", timeZone="Europe/Vienna"),
        side("changed", periodPreset="WorkWeek"),
    )
    assert await tell(earlier, job(side("now"), first)) == [("now", 1), ("changed", 1)]
    assert await tell(earlier, job(side("now"), second)) == [("now", 1), ("changed", 2)]
    # what was tried before, and what holds by now under another name
    assert await tell(earlier, job(replace(first, label="now"), second)) == [
        ("now", 1),
        ("changed", 2),
    ]
    assert worker.asked == [["now", "changed"], ["changed"]]


async def test_equal_sides_are_computed_once() -> None:
    worker = Worker()
    earlier = Earlier(worker.carry, worker.clock)
    assert await tell(earlier, job(side("now"), side("changed"))) == [("now", 1), ("changed", 1)]
    assert worker.asked == [["now"]]


async def test_other_windows_other_settings_of_the_operator_or_time_make_it_new(
    tmp_path: Path,
) -> None:
    worker, settings = Worker(), tmp_path / "settings.yaml"
    earlier = Earlier(worker.carry, worker.clock)
    settings.write_text("sources: {}")
    await tell(earlier, job(side("now")), settings)
    values = frame().values.copy()
    values[0, 0] += 1e-12
    moved = replace(side("now"), frame=replace(frame(), values=values))
    await tell(earlier, job(moved), settings)
    await tell(earlier, replace(job(side("now")), refit=86_400), settings)
    settings.write_text("sources: {default: {url: 'http://p:9090'}}")
    await tell(earlier, job(side("now")), settings)
    assert len(worker.asked) == 4
    worker.now = KEPT_SECONDS - 1
    await tell(earlier, job(side("now")), settings)
    assert len(worker.asked) == 4
    worker.now = KEPT_SECONDS + 1
    await tell(earlier, job(side("now")), settings)
    assert len(worker.asked) == 5


async def test_whole_curves_are_not_kept() -> None:
    worker = Worker()
    earlier = Earlier(worker.carry, worker.clock)
    for _ in range(2):
        await tell(earlier, job(side("usual"), points=0))
    assert len(worker.asked) == 2


class Read:
    """Reads by the hour, and counts the queries."""

    def __init__(self) -> None:
        self.queries = 0
        self.proxy = Proxy(fetch=self.fetch)
        self.reads = Reads(lambda: 0.0)
        self.sources = Sources(parse_settings(SETTINGS), Path("/mounts"))

    def fetch(
        self, queries: Queries, metric: MetricSpec, span: Span, server: tuple[str, int] | None
    ) -> Column:
        self.queries += 1
        return drawn(queries, metric, span, server)

    async def job(self, raw: Mapping[str, Any], owner: str = "ann", now: float = NOW) -> Job:
        setting = Setting("now", raw, (POLICY,), self.sources.queries(raw))
        return await job_of(
            (setting,), 1, 0, self.proxy, self.reads, owner=owner, now=now, say=lambda _: None
        )


async def test_a_page_reads_its_days_once_until_it_is_opened_anew() -> None:
    read = Read()
    first = await read.job(live())
    once = read.queries
    again = await read.job(live(periodPreset="WorkWeek"), now=NOW + 7200)
    assert read.queries == once
    assert again.sides[0].frame is first.sides[0].frame
    await read.job(live(), "ben")
    assert read.queries == 2 * once
    read.reads.forget("ann")
    later = await read.job(live(), now=NOW + 7200)
    assert read.queries == 3 * once
    assert later.sides[0].frame.times[-1] == first.sides[0].frame.times[-1] + 7200
    await read.job(live(), "ben")
    assert read.queries == 3 * once
    read.proxy.close()


async def test_another_lookback_is_read() -> None:
    read = Read()
    await read.job(live())
    once = read.queries
    await read.job(live(training={"lookback": "28d"}))
    assert read.queries == 2 * once
    read.proxy.close()


async def test_a_worker_is_told_the_settings_and_no_status() -> None:
    read, raw = Read(), live()
    raw["status"] = {"state": "Healthy"}
    raw["metadata"] |= {"resourceVersion": "9", "managedFields": [{}]}
    told = (await read.job(raw)).sides[0].service
    read.proxy.close()
    assert told.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert told["spec"] == raw["spec"]
    assert told["metadata"].keys() == {"name", "namespace", "labels", "uid", "generation"}
