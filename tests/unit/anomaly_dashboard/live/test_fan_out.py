"""Many browsers, one task: who is told what, and that a slow one holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from anomaly_dashboard.live import fan_out as fan_out_module
from anomaly_dashboard.live.fan_out import (
    EVERYTHING,
    MOST_NAMED,
    MOST_OF_A_CALLER,
    FanOut,
    TooManyStreamsError,
)
from anomaly_dashboard.watched.sight import EVERYTHING as ALL
from anomaly_dashboard.watched.sight import Scope, Scopes, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import SERVICE

BANK = Scopes(Scope(namespaces=frozenset({"bank"})))


def change(store: Store, name: str, namespace: str = "shop") -> None:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(store.version + 1)}
    store.put(SERVICE, {"metadata": metadata})


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def fan_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FanOut]:
    monkeypatch.setattr(fan_out_module, "TICK_SECONDS", 0.01)
    found = FanOut()
    task = asyncio.create_task(found.run(store))
    await asyncio.sleep(0)
    yield found
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_each_is_told_of_what_it_may_see(fan_out: FanOut, store: Store) -> None:
    everybody = fan_out.open("ann", Sight(store, ALL))
    bank = fan_out.open("bob", Sight(store, BANK))
    change(store, "a")
    await asyncio.wait_for(everybody.wake.wait(), 10)
    assert everybody.take() == ["AnomalyService/shop/a"]
    assert not bank.wake.is_set()
    change(store, "b", "bank")
    await asyncio.wait_for(bank.wake.wait(), 10)
    assert bank.take() == ["AnomalyService/bank/b"]
    assert fan_out.told == store.version


async def test_a_browser_that_takes_nothing_keeps_one_bounded_set(
    fan_out: FanOut, store: Store
) -> None:
    slow = fan_out.open("ann", Sight(store, ALL))
    quick = fan_out.open("bob", Sight(store, ALL))
    for number in range(MOST_NAMED + 1):
        change(store, f"s{number}")
        await asyncio.wait_for(quick.wake.wait(), 10)
        assert quick.take() == [f"AnomalyService/shop/s{number}"]
    assert slow.take() == [EVERYTHING]
    assert slow.take() == []


async def test_too_many_changes_at_once_are_told_as_everything(
    fan_out: FanOut, store: Store
) -> None:
    stream = fan_out.open("ann", Sight(store, ALL))
    for number in range(MOST_NAMED + 1):
        change(store, f"s{number}")
    await asyncio.wait_for(stream.wake.wait(), 10)
    assert stream.take() == [EVERYTHING]


async def test_what_each_window_changes_waits_for_more(
    fan_out: FanOut, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(name: str, minute: int, state: str = "Healthy") -> None:
        detection = {"scoredThrough": f"2026-11-26T02:{minute:02}:00Z"}
        metadata = {"name": name, "namespace": "shop", "resourceVersion": f"{name}{minute}{state}"}
        store.put(
            SERVICE, {"metadata": metadata, "status": {"state": state, "detection": detection}}
        )

    stream = fan_out.open("ann", Sight(store, ALL))
    scored("a", 1)
    scored("b", 1)
    await asyncio.wait_for(stream.wake.wait(), 10)
    assert stream.take() == ["AnomalyService/shop/a", "AnomalyService/shop/b"]
    monkeypatch.setattr(fan_out_module, "MINOR_SECONDS", 3600.0)
    scored("a", 2)
    assert fan_out.told < store.version
    scored("b", 2, "Anomalous")
    await asyncio.wait_for(stream.wake.wait(), 10)
    assert stream.take() == ["AnomalyService/shop/a", "AnomalyService/shop/b"]
    monkeypatch.setattr(fan_out_module, "MINOR_SECONDS", 0.01)
    scored("a", 3)
    await asyncio.wait_for(stream.wake.wait(), 10)
    assert stream.take() == ["AnomalyService/shop/a"]


async def test_streams_are_bounded_and_places_come_free(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out_module, "MOST_STREAMS", MOST_OF_A_CALLER + 1)
    fan_out, sight = FanOut(), Sight(store, ALL)
    opened = [fan_out.open("ann", sight) for _ in range(MOST_OF_A_CALLER)]
    with pytest.raises(TooManyStreamsError) as mine:
        fan_out.open("ann", sight)
    assert not mine.value.whole
    fan_out.open("bob", sight)
    with pytest.raises(TooManyStreamsError) as whole:
        fan_out.open("eve", sight)
    assert whole.value.whole
    fan_out.close(opened[0])
    fan_out.open("eve", sight)
    assert opened[0].closed
    assert len(fan_out) == MOST_OF_A_CALLER + 1
