"""The proxy: limits, one answer for all, and a hole where a metric is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anomaly_dashboard.series import proxy as proxies
from anomaly_dashboard.series.proxy import Column, Proxy
from anomaly_dashboard.series.sources import Queries, SeriesRefusedError, Sources
from anomaly_dashboard.series.span import Span
from anomaly_operator.settings.file import parse_settings
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.errors import QueryInvalidError

SPAN = Span(0, 600, 60)
SERVICE = {
    "metadata": {"name": "checkout", "namespace": "shop", "uid": "u1", "generation": 1},
    "spec": {"metrics": [{"name": "good", "query": "a"}, {"name": "bad", "query": "b"}]},
}


def queries() -> Queries:
    settings = parse_settings("sources: {default: {url: 'http://prometheus:9090'}}")
    return Sources(settings, Path("/mounts")).queries(SERVICE)


class Source:
    """Answers in place of a Prometheus, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(
        self, _: Queries, metric: MetricSpec, span: Span, __: tuple[str, int] | None
    ) -> Column:
        self.asked.append(metric.name)
        if metric.name == "bad":
            raise QueryInvalidError("the query returns 3 series, and a metric has one")
        undefined = np.zeros(span.points, dtype=bool)
        undefined[2] = True
        return Column(np.arange(span.points, dtype=np.float64), undefined, ("a warning",))


async def test_a_refused_metric_is_a_hole_and_a_note() -> None:
    source = Source()
    one = Proxy(fetch=source)
    frame, notes = await one.frame(queries(), SPAN)
    one.close()
    assert frame.names == ("good", "bad")
    assert frame.times[0] == 60
    assert frame.times[-1] == 600
    assert frame.values[:, 0].tolist() == list(range(10))
    assert np.isnan(frame.values[:, 1]).all()
    assert frame.undefined is not None
    assert frame.undefined.sum() == 1
    assert notes == ["a warning", "metric bad: the query returns 3 series, and a metric has one"]


async def test_a_second_browser_asks_nothing_and_fresh_values_are_not_kept() -> None:
    source = Source()
    one = Proxy(fetch=source)
    metric = queries().metrics[0]
    await one.column(queries(), metric, SPAN)
    await one.column(queries(), metric, SPAN)
    assert source.asked == ["good"]
    await one.fresh(queries(), metric, SPAN)
    await one.fresh(queries(), metric, SPAN)
    assert source.asked == ["good"] * 3
    one.close()


async def test_more_queries_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "MAX_WAITING", 0)
    one = Proxy(fetch=Source())
    with pytest.raises(SeriesRefusedError, match="try again"):
        await one.fresh(queries(), queries().metrics[0], SPAN)
    one.close()
