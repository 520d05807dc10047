"""`/explore`: who may, what they try, and what they are shown."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

import httpx
import pytest

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.process import Limits, Progress
from anomaly_dashboard.explore.runs import Run
from anomaly_dashboard.explore.tried import Tried
from unit.anomaly_dashboard.explore.trial_desk import desk, service, store
from unit.anomaly_dashboard.signed_in import OpenDoor, browser

CHOSEN = {"service": "shop/checkout"}
CHANGED = {"set.confirmationCycles": "15", "set.latency.warning": "450ms"}
TOKEN = {"X-CSRF-Token": "csrf-of-ann"}


async def never(_: Job, __: Path | None, ___: Limits, ____: Progress) -> tuple[Tried, ...]:
    await asyncio.Event().wait()
    return ()


def fields(page: str) -> dict[str, str]:
    """The form as a browser would send it."""
    found = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input[^>]*name="([^"]+)" value="([^"]*)"', page)
    }
    for name, body in re.findall(r'<select[^>]*name="([^"]+)">(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name] = html.unescape(chosen[1]) if chosen else ""
    area = re.search(r'<textarea[^>]*name="yaml"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert area is not None
    return {**found, "yaml": html.unescape(area[1])}


async def begin(client: httpx.AsyncClient, **changed: str) -> httpx.Response:
    page = await client.get("/explore", params=CHOSEN)
    assert page.status_code == 200
    return await post(client, {**fields(page.text), **changed})


async def post(client: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    return await client.post("/explore/try", data=form, headers=TOKEN)


def address(page: str) -> str:
    found = re.search(r'data-run="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def last(found: Desk) -> Run:
    return list(found.runs._runs.values())[-1]


async def test_a_change_is_tried_and_shown_beside_what_holds() -> None:
    found = desk()
    async with browser(OpenDoor(store()), desk=found) as client:
        begun = await begin(
            client, **{"set.confirmationCycles": "15", "set.latency.warning": "450ms"}
        )
        where = address(begun.text)
        await last(found).finished.wait()
        page = (await client.get(where)).text
        curves = (await client.get(f"{where}/series", params={"side": "1"})).json()
        csv = (await client.get(f"{where}/recording.csv")).text
        absent = await client.get(f"{where}/series", params={"side": "2"})
    await found.close()
    # the form is shown again with what is tried, in YAML too
    assert 'hx-swap-oob="true"' in begun.text
    assert "confirmationCycles: 15" in begun.text
    assert 'name="was.confirmationCycles" value="15"' in begun.text
    assert "<td>1</td><td><strong>0</strong></td>" in page
    assert "only now" in page
    assert "+    confirmationCycles: 15" in page
    assert "+      warning: 450ms" in page
    assert "-      warning: 400ms" in page
    assert "--warmup 720 --refit never" in page
    assert [one["name"] for one in curves["metrics"]] == ["latency", "rate"]
    assert curves["incidents"] == []
    assert csv.startswith("timestamp,latency,rate\n")
    assert csv.count("\n") == 720 + 72 + 1
    assert absent.status_code == 404


async def test_what_is_wrong_is_said_with_its_field_and_starts_nothing() -> None:
    found = desk(never)
    async with browser(OpenDoor(store()), desk=found) as client:
        page = (await begin(client, **{"set.falseIncidentsPerWeek": "lots"})).text
        yaml = (await begin(client, yaml="kind: [")).text
        days = (await begin(client, days="99")).text
        await asyncio.sleep(0)
    assert 'role="alert"' in page
    assert "spec.detector.falseIncidentsPerWeek" in page
    assert "not YAML: line 1" in yaml
    assert "days: is" in days
    assert not found.runs._runs
    await found.close()


async def test_an_input_left_alone_does_not_undo_the_yaml() -> None:
    found = desk(never)
    async with browser(OpenDoor(store()), desk=found) as client:
        form = fields((await client.get("/explore", params=CHOSEN)).text)
        form["yaml"] = form["yaml"].replace(
            "separation: 6h", "separation: 6h\n    confirmationCycles: 7"
        )
        begun = await post(client, form)
    await found.close()
    assert 'name="was.confirmationCycles" value="7"' in begun.text


async def test_it_is_for_people_who_may_create_services_there() -> None:
    found = desk(never)
    async with browser(OpenDoor(store(), allowed=False), desk=found) as client:
        page = await client.get("/explore", params=CHOSEN)
        query = await client.get("/explore", params={"namespace": "shop", "query": "up"})
        tried = await post(client, {"namespace": "shop", "yaml": ""})
        plain = await client.get("/explore")
    await found.close()
    assert [one.status_code for one in (page, query, tried)] == [403, 403, 403]
    assert "the right to create anomalyservices" in page.text
    assert plain.status_code == 200
    assert not found.runs._runs


async def test_a_form_from_elsewhere_starts_and_cancels_nothing() -> None:
    found = desk(never)
    async with browser(OpenDoor(store()), desk=found) as client:
        where = address((await begin(client)).text)
        forged = await client.post(
            "/explore/try", content="namespace=shop", headers={"X-CSRF-Token": "x"}
        )
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        cancel = await client.post(f"{where}/cancel", content="csrf=x", headers=kind)
        running = await client.get(where)
        left = await client.post(f"{where}/cancel", content="csrf=csrf-of-ann", headers=kind)
        after = await client.get(where)
    await found.close()
    assert (forged.status_code, cancel.status_code) == (403, 403)
    assert 'hx-trigger="every 1s"' in running.text
    assert "cancelled" in left.text
    assert "This trial has ended" in after.text


async def test_a_trial_of_somebody_else_does_not_exist() -> None:
    found = desk(never)
    door = OpenDoor(store())
    async with browser(door, desk=found) as client:
        where = address((await begin(client)).text)
        last(found).owner = "ben"
        assert "This trial has ended" in (await client.get(where)).text
        assert (await client.get(f"{where}/recording.csv")).status_code == 404
    await found.close()


async def test_a_query_can_be_typed_against_a_named_source() -> None:
    found = desk(never)
    async with browser(OpenDoor(store()), desk=found) as client:
        asked = {"namespace": "shop", "source": "default", "query": "sum(x)", "step": "1h"}
        page = await client.get("/explore", params=asked)
        begun = await post(client, fields(page.text))
        elsewhere = await client.get("/explore", params={**asked, "source": "http://10.0.0.1"})
    await found.close()
    assert "query: sum(x)" in page.text
    assert 'data-run="' in begun.text
    assert "spec.source.name" in elsewhere.text
    assert not [one for one in found.runs._runs.values() if not one.state.over]


async def test_a_body_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk(never)
    async with browser(OpenDoor(store()), desk=found) as client:
        large = await post(client, {"namespace": "shop", "yaml": "x" * 600_000})
    await found.close()
    assert large.status_code == 413


async def test_hostile_text_stays_text() -> None:
    found = desk(never)
    raw = service()
    raw["metadata"]["annotations"] = {"note": "</textarea><script>alert(1)</script>"}
    async with browser(OpenDoor(store(raw)), desk=found) as client:
        page = (await client.get("/explore", params=CHOSEN)).text
    await found.close()
    assert "<script>alert" not in page
