"""kopf as it is set up: how many watches it has, what it loads, when it asks for credentials."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from anomaly_operator.api.resources import WATCHED
from anomaly_operator.client.login import Connection
from anomaly_operator.observe import watch_count
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.watch import Watch, credentials
from anomaly_operator.settings.values import WatchSettings
from anomaly_operator.telemetry.metrics import Metrics

LEAN = """
import sys
import anomaly_operator.__main__
loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "kubernetes")
assert not loaded, loaded
from kubernetes.aio.config import load_kube_config
"""


@pytest.fixture(autouse=True)
def _long_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_count, "LISTING_SECONDS", 3600.0)


def watching(*namespaces: str) -> Watch:
    intake = Intake(Cache(), lambda _change: None)
    return Watch(None, intake, Metrics("test"), WatchSettings(), namespaces)  # type: ignore[arg-type]


@contextmanager
def kopf_watches(number: int) -> Iterator[list[asyncio.Task[None]]]:
    """As many tasks as kopf would have, with its names."""
    tasks = [
        asyncio.create_task(asyncio.sleep(3600), name=f"watcher for kind{index}.v1@None")
        for index in range(number)
    ]
    yield tasks
    for task in tasks:
        task.cancel()


async def ends(check: asyncio.Task[None], seconds: float) -> bool:
    done, _ = await asyncio.wait({check}, timeout=seconds)
    return bool(done)


@pytest.mark.parametrize("namespaces", [(), ("a",), ("a", "b", "b")])
async def test_all_watches_are_enough_and_one_less_is_not(namespaces: tuple[str, ...]) -> None:
    one = watching(*namespaces)
    wanted = len(WATCHED) * max(1, len(set(namespaces)))
    with kopf_watches(wanted) as tasks:
        check = asyncio.create_task(one._check())
        assert not await ends(check, 1.2)
        assert not one.complete, "their lists are not answered yet"
        for number in range(wanted):
            one._listed(f"/kind{number}")
        assert not await ends(check, 1.2)
        assert one.complete
        tasks[0].cancel()
        assert await ends(check, 30)
        assert not one.complete


async def test_a_kind_that_is_not_served_yet_restarts_kopf() -> None:
    with kopf_watches(len(WATCHED) - 1):
        assert await ends(asyncio.create_task(watching()._check()), 30)


async def test_kopf_may_take_its_time_before_its_first_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = asyncio.create_task(watching()._check())
    assert not await ends(check, 1.2)
    monkeypatch.setattr(watch_count, "LISTING_SECONDS", 0.0)
    assert await ends(check, 30)


def test_the_operator_starts_without_the_generated_client_and_may_load_it_later() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", LEAN], check=True, timeout=120)


async def test_kopf_asks_for_credentials_before_they_end_and_never_in_a_loop() -> None:
    async with aiohttp.ClientSession() as session:

        def until(expires: float) -> float:
            info = credentials(Connection("https://x", expires=expires), session, 1000.0)
            assert info.expiration is not None
            return info.expiration.timestamp()

        assert until(1000.0 + 3600) == 1000.0 + 0.8 * 3600 - 60
        assert until(900.0) == 1060.0
        assert credentials(Connection("https://x"), session, 0.0).expiration is None


async def test_credentials_that_were_refused_are_known_again_in_another_session() -> None:
    async with aiohttp.ClientSession() as one, aiohttp.ClientSession() as other:
        refused = credentials(Connection("https://x", authorization="Bearer a"), one, 0.0)
        assert credentials(Connection("https://x", authorization="Bearer a"), other, 0.0) == refused
        assert credentials(Connection("https://x", authorization="Bearer b"), one, 0.0) != refused
