"""Over HTTP: the service's own query goes to the named source, with its credentials, and nowhere
else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from anomaly_dashboard.explore.process import TrialFailedError
from anomaly_dashboard.explore.reading import Reads, Setting, job_of
from anomaly_dashboard.series.proxy import Proxy
from anomaly_dashboard.series.sources import Queries, SeriesRefusedError, Sources
from anomaly_dashboard.series.span import span_of
from anomaly_operator.settings.file import parse_settings
from loopback.prometheus import FakePrometheus

NOW = 1_780_000_080.0
HOUR = 3_600


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({'rate{service="checkout"}': lambda at: float(at % 7)}) as running:
        yield running


def queries(url: str, mounts: Path, *, loopback: bool = True, step: str = "1m") -> Queries:
    settings = parse_settings(
        f"sources: {{default: {{url: '{url}', allowLoopback: {str(loopback).lower()}, "
        "auth: {type: Bearer, secretName: token}}}"
    )
    service = {
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u1", "generation": 1},
        "spec": {
            "step": step,
            "metrics": [{"name": "rate", "query": 'rate{service="$(service)"}'}],
            "training": {"lookback": "10d"},
        },
    }
    (mounts / "default" / "auth").mkdir(parents=True)
    (mounts / "default" / "auth" / "token").write_text("canary-7f3a91")
    return Sources(settings, mounts).queries(service)


async def test_a_chart_is_one_query_with_the_credentials_of_the_mount(
    server: FakePrometheus, tmp_path: Path
) -> None:
    found = queries(server.url, tmp_path)
    span = span_of(24, 60, 30, NOW)
    proxy = Proxy()
    frame, notes = await proxy.frame(found, span)
    again, _ = await proxy.frame(found, span)
    proxy.close()
    assert notes == []
    assert len(frame) == 24 * 60
    assert frame.values[:, 0].tolist() == [float(at % 7) for at in frame.times.tolist()]
    assert np.array_equal(frame.values, again.values)
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer canary-7f3a91"


async def test_a_trial_reads_the_lookback_and_the_days_in_pieces(
    server: FakePrometheus, tmp_path: Path
) -> None:
    found = queries(server.url, tmp_path)
    said: list[str] = []
    proxy = Proxy()
    setting = Setting("now", {"metadata": {"name": "checkout"}, "spec": {}}, (), found)
    job = await job_of(
        (setting, setting), 3, 0, proxy, Reads(), owner="ann", now=NOW, say=said.append
    )
    proxy.close()
    old, new = job.sides
    assert old.frame is new.frame
    assert len(old.frame) == 13 * 1440
    assert old.warmup == 10 * 1440
    assert old.frame.values[:, 0].tolist() == [float(at % 7) for at in old.frame.times.tolist()]
    assert len(server.asked) == 2
    assert said == ["reading rate, 1 of 1"]


async def test_an_address_that_runners_may_not_dial_is_not_dialled(
    server: FakePrometheus, tmp_path: Path
) -> None:
    found = queries(server.url, tmp_path, loopback=False)
    api_server = (urlsplit(server.url).hostname or "", urlsplit(server.url).port or 0)
    for number, proxy in enumerate((Proxy(), Proxy(api_server))):
        asked = found if number == 0 else queries(server.url, tmp_path / "api")
        with pytest.raises(SeriesRefusedError, match="metric rate"):
            await proxy.fresh(asked, asked.metrics[0], span_of(1, 60, 30, NOW))
        proxy.close()
    assert server.asked == []


async def test_a_source_without_values_ends_the_trial_in_words(tmp_path: Path) -> None:
    with FakePrometheus({}) as empty:
        found = queries(empty.url, tmp_path)
        proxy = Proxy()
        with pytest.raises(TrialFailedError, match="checkout"):
            await job_of(
                (Setting("now", {"metadata": {"name": "checkout"}, "spec": {}}, (), found),),
                1,
                0,
                proxy,
                Reads(),
                owner="ann",
                now=NOW,
                say=lambda _: None,
            )
        proxy.close()
