"""What people say of an incident, as forms with and without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from anomaly_operator.api.text import to_text
from loopback.authorizer import Authorizer
from unit.anomaly_dashboard.identity.house import NOW, House, signed_in, token_in

PAGE = "/incidents/shop/shop-till-1"
Json = dict[str, Any]


@pytest.fixture
async def ann(house: House, authorizer: Authorizer) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in, and allowed to answer in shop."""
    authorizer.grants |= {("ann", verb, "anomalies", "shop") for verb in ("get", "patch")}
    async with house.client() as browser:
        await signed_in(browser, "token-of-ann")
        yield browser


async def sent(browser: httpx.AsyncClient, act: str, **fields: str) -> httpx.Response:
    csrf = token_in(await browser.get(PAGE))
    return await browser.post(f"{PAGE}/{act}", data={"csrf": csrf, **fields})


def spec(authorizer: Authorizer) -> Json:
    found: Json = authorizer.incidents["shop", "shop-till-1"]["spec"]
    return found


async def test_an_acknowledgement_is_written_by_the_callers_token_and_under_their_name(
    ann: httpx.AsyncClient, authorizer: Authorizer
) -> None:
    answer = await sent(ann, "acknowledge", comment=" on it ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?said=acknowledge")
    said = spec(authorizer)["acknowledgement"]
    assert said == {"by": "ann", "at": to_text(NOW), "comment": "on it"}
    write = next(one for one in authorizer.asked if one.method == "PATCH")
    assert write.headers["authorization"] == "Bearer token-of-ann"
    assert write.path.endswith("?fieldManager=anomaly-dashboard")
    assert "Acknowledged." in (await ann.get(answer.headers["location"])).text
    assert 'role="status">&lt;' not in (await ann.get(f"{PAGE}?said=<b>x</b>")).text


async def test_feedback_and_note(ann: httpx.AsyncClient, authorizer: Authorizer) -> None:
    assert (await sent(ann, "feedback", verdict="Expected", until="7d")).status_code == 303
    assert spec(authorizer)["feedback"]["until"] == to_text(NOW + 7 * 86_400)
    local = to_text(NOW + 3600).removesuffix("Z")
    answer = await sent(ann, "feedback", verdict="FalsePositive", until=local, comment="nothing")
    assert answer.status_code == 303
    assert spec(authorizer)["feedback"]["until"] == to_text(NOW + 3600)
    assert (await sent(ann, "note", note="The cache was full.")).status_code == 303
    assert spec(authorizer)["resolution"] == {
        "note": "The cache was full.", "by": "ann", "at": to_text(NOW),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("act", "fields", "message"),
    [
        ("feedback", {"verdict": "Perhaps"}, "write TruePositive, FalsePositive, Expected"),
        ("feedback", {"verdict": "TruePositive", "until": "1d"}, "The field Until goes with"),
        ("feedback", {"verdict": "Expected", "until": "91d"}, "at most 90d"),
        ("feedback", {}, "verdict"),
        ("acknowledge", {"comment": "x" * 1025}, "comment"),
        ("note", {"note": "x" * 4097}, "note"),
        ("note", {}, "note"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_the_next_step(
    ann: httpx.AsyncClient, authorizer: Authorizer, act: str, fields: dict[str, str], message: str
) -> None:
    answer = await sent(ann, act, **fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert not {"feedback", "acknowledgement", "resolution"} & set(spec(authorizer))


async def test_what_somebody_else_said_is_replaced_when_asked_alone(
    ann: httpx.AsyncClient, authorizer: Authorizer
) -> None:
    spec(authorizer)["feedback"] = {"verdict": "TruePositive", "by": "maria"}
    answer = await sent(ann, "feedback", verdict="Expected", comment='"><b>')
    assert answer.status_code == 409
    assert "was marked TruePositive by maria" in answer.text
    assert "Replace it" in answer.text
    assert "<b>" not in answer.text
    assert 'name="verdict" value="Expected"' in answer.text
    assert spec(authorizer)["feedback"]["by"] == "maria"
    replaced = await sent(ann, "feedback", verdict="Expected", overwrite="true")
    assert replaced.status_code == 303
    assert spec(authorizer)["feedback"]["by"] == "ann"


async def test_htmx_gets_a_sentence(ann: httpx.AsyncClient) -> None:
    csrf = token_in(await ann.get(PAGE))
    headers = {"HX-Request": "true", "X-CSRF-Token": csrf}
    answer = await ann.post(f"{PAGE}/acknowledge", headers=headers)
    assert (answer.status_code, answer.headers["hx-trigger"]) == (200, "changed")
    assert answer.text.strip() == (
        '<p class="good" role="status">shop-till-1 acknowledged as ann.</p>'
    )


async def test_a_write_in_between_is_tried_again_and_not_for_ever(
    ann: httpx.AsyncClient, authorizer: Authorizer
) -> None:
    authorizer.conflicts = 2
    assert (await sent(ann, "acknowledge")).status_code == 303
    authorizer.conflicts = 100
    answer = await sent(ann, "note", note="a")
    assert answer.status_code == 409
    assert "has been modified" in answer.text


async def test_a_refusal_of_the_api_server_is_said_in_words(
    ann: httpx.AsyncClient, authorizer: Authorizer
) -> None:
    authorizer.grants.discard(("ann", "patch", "anomalies", "shop"))
    answer = await sent(ann, "acknowledge")
    assert answer.status_code == 403
    assert "user ann may not patch anomalies in namespace shop" in answer.text
    assert spec(authorizer).keys() == {"serviceRef"}


async def test_what_one_may_not_see_one_cannot_speak_of(
    ann: httpx.AsyncClient, authorizer: Authorizer
) -> None:
    csrf = token_in(await ann.get(PAGE))
    asked = len(authorizer.asked)
    for where in ("/incidents/bank/bank-till-1", "/incidents/bank/none"):
        answer = await ann.post(f"{where}/acknowledge", data={"csrf": csrf})
        assert answer.status_code == 404
    assert "PATCH" not in [one.method for one in authorizer.asked[asked:]]


async def test_a_form_of_another_session_writes_nothing(
    ann: httpx.AsyncClient, house: House, authorizer: Authorizer
) -> None:
    async with house.client() as another:
        await signed_in(another, "token-of-ann")
        csrf = token_in(await another.get(PAGE))
    for data in ({"csrf": csrf}, {"csrf": ""}, {}):
        answer = await ann.post(f"{PAGE}/acknowledge", data=data)
        assert answer.status_code == 403
    assert "acknowledgement" not in spec(authorizer)
