"""The watch against a server that breaks off, forgets, falls silent and is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.watched.watch import Pace, watch
from anomaly_operator.api.resources import ANOMALY, SERVICE
from loopback.watched_kinds import WatchedKinds

QUICK = Pace(silence=30.0, pause=0.01)


def service(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    managed = [{"manager": "kubectl"}]
    metadata = {"name": name, "namespace": namespace, "uid": name, "managedFields": managed}
    return {"metadata": metadata, "spec": spec}


@pytest.fixture
async def server() -> AsyncIterator[WatchedKinds]:
    found = await WatchedKinds().start()
    yield found
    await found.stop()


@asynccontextmanager
async def watching(
    server: WatchedKinds, *namespaces: str, pace: Pace = QUICK
) -> AsyncIterator[Store]:
    store = Store()
    task = asyncio.create_task(watch(store, server, namespaces, pace))
    try:
        yield store
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


def names(store: Store) -> list[str]:
    return sorted(name for _, name in store.services.rows)


def lists(server: WatchedKinds, plural: str = SERVICE.plural) -> int:
    return sum(kind == plural and "watch" not in query for kind, query in server.asked)


async def test_everything_is_listed_in_pages_and_then_followed(server: WatchedKinds) -> None:
    for number in range(1_001):
        server.preload(SERVICE, service(f"s{number}"))
    async with watching(server) as store:
        assert not store.synced
        await until(lambda: store.synced)
        assert len(store.services.rows) == 1_001
        assert lists(server) == 3
        await server.put(SERVICE, service("new", category="Core"))
        await server.delete(SERVICE, "shop", "s0")
        await until(lambda: "new" in names(store) and "s0" not in names(store))
        whole = store.services.whole(("shop", "new"))
    assert whole is not None
    assert "managedFields" not in whole["metadata"]
    assert whole["spec"] == {"category": "Core"}


async def test_a_watch_that_breaks_off_goes_on_where_it_ended(server: WatchedKinds) -> None:
    async with watching(server) as store:
        await until(lambda: store.synced)
        await server.bookmark(SERVICE)
        await server.break_off()
        await server.put(SERVICE, service("meanwhile"))
        await until(lambda: names(store) == ["meanwhile"])
    assert lists(server) == 1


async def test_what_the_server_forgot_is_listed_again_and_ghosts_leave(
    server: WatchedKinds,
) -> None:
    server.preload(SERVICE, service("ghost"))
    async with watching(server) as store:
        await until(lambda: store.synced and names(store) == ["ghost"])
        del server.objects[SERVICE.plural]["shop", "ghost"]
        server.preload(SERVICE, service("found"))
        await server.break_off(forget=True)
        await until(lambda: names(store) == ["found"])
    assert lists(server) == 2


async def test_a_silent_watch_is_opened_anew_without_a_list(server: WatchedKinds) -> None:
    pace = Pace(silence=0.05, pause=0.01)

    def watches() -> int:
        return sum(kind == ANOMALY.plural and "watch" in query for kind, query in server.asked)

    async with watching(server, pace=pace) as store:
        await until(lambda: watches() >= 3)
        assert store.synced
    assert lists(server, ANOMALY.plural) == 1


async def test_while_the_server_is_away_the_store_keeps_what_it_has_and_says_so(
    server: WatchedKinds,
) -> None:
    server.preload(SERVICE, service("kept"))
    async with watching(server) as store:
        await until(lambda: store.synced)
        assert store.out_of_touch is None
        server.down = True
        await server.break_off()
        await until(lambda: store.out_of_touch is not None)
        assert names(store) == ["kept"]
        assert store.out_of_touch is not None
        assert "503" in store.out_of_touch.why
        server.down = False
        await until(lambda: store.out_of_touch is None)
    assert lists(server) == 1


async def test_only_the_given_namespaces_are_asked_for(server: WatchedKinds) -> None:
    server.preload(SERVICE, service("a", "shop"))
    server.preload(SERVICE, service("b", "bank"))
    server.preload(SERVICE, service("c", "other"))
    async with watching(server, "shop", "bank") as store:
        await until(lambda: store.synced)
        assert names(store) == ["a", "b"]
        await server.put(SERVICE, service("d", "bank"))
        await server.put(SERVICE, service("e", "other"))
        await until(lambda: names(store) == ["a", "b", "d"])
        await server.break_off(forget=True)
        await until(lambda: lists(server) == 4)
        assert names(store) == ["a", "b", "d"]
