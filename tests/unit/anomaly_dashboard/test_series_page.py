"""`/api/series`: for who may read the service, with what is at hand."""

from __future__ import annotations

import asyncio

import httpx

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.watched.sight import Scopes
from unit.anomaly_dashboard.explore.trial_desk import desk, service, store
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

QUERY = {"namespace": "shop", "service": "checkout", "hours": "24"}


async def settled(found: Desk, client: httpx.AsyncClient) -> httpx.Response:
    """The answer when nothing is pending any more."""
    while True:
        reply = await client.get("/api/series", params=QUERY)
        if not reply.json()["pending"]:
            return reply
        await asyncio.gather(*found.usual._running.values())


async def test_values_come_at_once_and_the_usual_range_when_it_is_known() -> None:
    found = desk()
    async with browser(OpenDoor(store()), desk=found) as client:
        first = (await client.get("/api/series", params=QUERY)).json()
        whole = (await settled(found, client)).json()
    await found.close()
    assert first["pending"] is True
    assert first["notes"] == ["The usual range is being computed."]
    assert [one["name"] for one in first["metrics"]] == ["latency", "rate"]
    assert first["metrics"][0]["unit"] == "Seconds"
    assert first["step"] == 3600
    assert len(first["times"]) == 24
    assert first["times"][-1] <= NOW - 30
    assert all(value is not None for value in first["metrics"][0]["values"])
    assert first["metrics"][0]["low"] == [None] * 24
    assert "a model that the dashboard fits" in whole["notes"][0]
    latency = whole["metrics"][0]
    assert None not in latency["high"]
    assert max(latency["values"]) > max(latency["high"])
    scored = [(s, at) for s, at in zip(whole["scores"], whole["levels"], strict=True) if s]
    assert any(score >= level for score, level in scored)


async def test_who_may_not_read_the_service_learns_nothing_of_it() -> None:
    found = desk()
    blind = OpenDoor(store(), Scopes())
    async with browser(blind, desk=found) as client:
        hidden = await client.get("/api/series", params=QUERY)
        absent = await client.get("/api/series", params={**QUERY, "service": "nothing"})
    await found.close()
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text.replace("checkout", "nothing") == absent.text


async def test_what_cannot_be_drawn_is_said() -> None:
    found = desk()
    broken = service(
        metrics=[{"name": "latency", "query": "broken"}, {"name": "rate", "query": "r"}]
    )
    elsewhere = service(source={"name": "elsewhere"})
    elsewhere["metadata"] |= {"name": "elsewhere", "uid": "u2"}
    async with browser(OpenDoor(store(broken, elsewhere)), desk=found) as client:
        one = (await client.get("/api/series", params=QUERY)).json()
        other = (await client.get("/api/series", params={**QUERY, "service": "elsewhere"})).json()
        far = await client.get("/api/series", params={**QUERY, "hours": "9999"})
    await found.close()
    assert one["notes"][0] == "Metric latency: the source does not understand the query."
    assert one["metrics"][0]["values"] == [None] * 24
    assert None not in one["metrics"][1]["values"]
    assert "known: default" in other["notes"][0]
    assert far.status_code == 400
    assert "give 1 to 336" in far.text


async def test_without_a_desk_the_page_says_so() -> None:
    async with browser(OpenDoor(store())) as client:
        series = (await client.get("/api/series", params=QUERY)).json()
        page = await client.get("/explore")
    assert series["times"] == []
    assert series["notes"] == ["This dashboard was started without metrics sources."]
    assert page.status_code == 503
