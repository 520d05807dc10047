"""The first page as a browser gets it: whole, as a fragment, for different people, when old."""

from __future__ import annotations

import httpx
import pytest

from anomaly_dashboard.watched.contact import Lost
from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from pretend.fleet import fleet
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

FRAGMENT = {"HX-Request": "true"}


def filled(count: int = 60, roots: int | None = None) -> Store:
    store, made = Store(), fleet(count, now=NOW, roots=roots)
    for resource, objects in (
        (SERVICE, made.services), (ANOMALY, made.incidents), (POLICY, made.policies),
    ):  # fmt: skip
        for raw in objects:
            store.put(resource, raw)
    store.expect(())
    return store


@pytest.fixture
def door() -> OpenDoor:
    return OpenDoor(filled())


async def get(door: OpenDoor, address: str = "/", **headers: str) -> httpx.Response:
    async with browser(door) as client:
        return await client.get(address, headers=headers)


async def test_what_is_open_stands_above_what_is_scored(door: OpenDoor) -> None:
    text = (await get(door)).text
    for heading in ("open problem", "Last 24 hours", "Last 6 hours", ">Services<"):
        assert heading in text
    assert text.index("open problem") < text.index("Last 24 hours") < text.index(">Services<")
    assert "Next step" in text
    assert "<script>" not in text
    assert "style=" not in text
    assert 'href="javascript:' not in text


async def test_quiet_when_quiet() -> None:
    store = Store()
    made = fleet(40, now=NOW, roots=0, malice=False)
    for raw in made.services:
        store.put(SERVICE, raw)
    store.expect(())
    text = (await get(OpenDoor(store))).text
    assert "Nothing is wrong" in text
    assert "scored, the oldest" in text
    assert "Open problems" not in text


async def test_before_everything_is_listed_nothing_is_called_quiet() -> None:
    store = Store()
    text = (await get(OpenDoor(store))).text
    assert "still being read" in text
    assert "Nothing is wrong" not in text
    assert "There is no AnomalyService" not in text


async def test_htmx_gets_the_part_that_changes_and_once(door: OpenDoor) -> None:
    whole = await get(door, "/?namespace=shop")
    part = await get(door, "/?namespace=shop", **FRAGMENT)
    assert part.text.lstrip().startswith('<div id="now"')
    assert part.text in whole.text
    assert 'hx-get="/?namespace=shop"' in part.text
    assert "HX-Request" in part.headers["vary"]
    assert part.headers["cache-control"] == "private, no-cache"
    again = {**FRAGMENT, "If-None-Match": part.headers["etag"]}
    async with browser(door) as client:
        assert (await client.get("/?namespace=shop", headers=again)).status_code == 304
    boosted = await get(door, "/", **FRAGMENT, **{"HX-Boosted": "true"})
    assert "<h1>" in boosted.text


async def test_the_address_of_a_form_is_told_without_its_empty_fields(door: OpenDoor) -> None:
    sent = await get(door, "/?q=&namespace=shop&owner=&page=2", **FRAGMENT)
    assert sent.headers["hx-push-url"] == "/?namespace=shop&page=2"
    cleared = await get(door, "/?q=&namespace=", **FRAGMENT)
    assert cleared.headers["hx-push-url"] == "/"
    short = await get(door, "/?namespace=shop&page=2", **FRAGMENT)
    assert "hx-push-url" not in short.headers


async def test_a_fragment_says_nothing_of_the_person(door: OpenDoor) -> None:
    part = await get(door, "/", **FRAGMENT)
    assert door.person.name not in part.text
    assert door.person.csrf not in part.text


async def test_other_namespaces_are_neither_shown_nor_kept_for_others(door: OpenDoor) -> None:
    everything = await get(door, "/", **FRAGMENT)
    only = Scope(namespaces=frozenset({"shop"}))
    narrow = OpenDoor(door.store, Scopes(only, only, only))
    text = (await get(narrow, "/", **FRAGMENT)).text
    assert "/services/billing/" in everything.text
    for namespace in ("billing", "platform", "hostile"):
        assert f"/services/{namespace}/" not in text
        assert f"/incidents/{namespace}/" not in text


async def test_a_filter_without_a_match_says_so(door: OpenDoor) -> None:
    text = (await get(door, "/?q=no-such-thing")).text
    assert "No open problem matches the filter" in text
    assert "0 services in this filter" in text
    assert 'value="no-such-thing"' in text


async def test_what_is_old_is_said_to_be(door: OpenDoor) -> None:
    assert "out of reach" not in (await get(door)).text
    door.store.lost((SERVICE, ""), Lost(NOW - 190, "no route"))
    assert "out of reach for 3 min" in (await get(door)).text
    door.store.heard((SERVICE, ""))
    assert "out of reach" not in (await get(door)).text


async def test_two_hundred_problems_are_bounded() -> None:
    text = (await get(OpenDoor(filled(600, roots=200)))).text
    assert text.count("<article") == 20
    assert "Show all" in text
    assert len(text) < 400_000
