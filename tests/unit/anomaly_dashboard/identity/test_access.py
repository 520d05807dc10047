"""What the API server said counts for half a minute, and nothing else counts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.watched.sight import Scope
from anomaly_operator.api.errors import ApiError, UnauthorizedError
from anomaly_operator.api.resources import ANOMALY, SERVICE
from loopback.authorizer import EVERYWHERE, Authorizer
from unit.anomaly_dashboard.identity.house import House

PROXIED = Caller("ann", "proxy-ann", "", ("payments", "system:authenticated"))


async def test_an_answer_counts_for_thirty_seconds_and_no_longer(
    house: House, authorizer: Authorizer
) -> None:
    ann = house.caller("ann")
    assert await house.access.may(ann, "list", SERVICE, "shop")
    authorizer.grants.clear()
    house.now += 29.9
    assert await house.access.may(ann, "list", SERVICE, "shop")
    house.now += 0.2
    assert not await house.access.may(ann, "list", SERVICE, "shop")
    assert len(authorizer.reviews("selfsubjectaccessreviews")) == 2


async def test_without_an_answer_there_is_an_error_and_it_is_not_remembered(
    house: House, authorizer: Authorizer
) -> None:
    ann = house.caller("ann")
    assert await house.access.may(ann, "list", SERVICE, "shop")
    authorizer.broken = 500
    house.now += 31
    with pytest.raises(ApiError):
        await house.access.may(ann, "list", SERVICE, "shop")
    authorizer.broken = 0
    assert await house.access.may(ann, "list", SERVICE, "shop")


async def test_each_person_asks_under_their_own_token_and_for_themselves(
    house: House, authorizer: Authorizer
) -> None:
    assert await house.access.may(house.caller("ann"), "list", SERVICE, "shop")
    assert not await house.access.may(house.caller("bob"), "list", SERVICE, "shop")
    tokens = [one.headers["authorization"] for one in authorizer.asked]
    assert tokens == ["Bearer token-of-ann", "Bearer token-of-bob"]
    wanted = {"resourceAttributes": {
        "verb": "list", "group": "anomaly-operator.dev", "version": "v1alpha1",
        "resource": "anomalyservices", "namespace": "shop",
    }}  # fmt: skip
    assert authorizer.reviews("selfsubjectaccessreviews") == [wanted, wanted]


async def test_for_whom_a_proxy_names_the_dashboard_asks_and_nothing_may_be_written(
    house: House, authorizer: Authorizer
) -> None:
    authorizer.grants.add(("ann", "patch", "anomalies", "shop"))
    assert await house.access.may(PROXIED, "list", SERVICE, "shop")
    assert not await house.access.may(PROXIED, "patch", ANOMALY, "shop", "till-1")
    (asked,) = authorizer.reviews("subjectaccessreviews")
    assert (asked["user"], asked["groups"]) == ("ann", ["payments", "system:authenticated"])
    assert authorizer.asked[-1].headers["authorization"] == "Bearer token-of-the-dashboard"


async def test_who_lists_everywhere_is_asked_about_once(
    house: House, authorizer: Authorizer
) -> None:
    authorizer.grants.add(("bob", "list", "anomalyservices", EVERYWHERE))
    found = await house.access.scope(house.caller("bob"), SERVICE, ("shop", "bank"))
    assert found == Scope(everywhere=True)
    assert len(authorizer.asked) == 1
    found = await house.access.scope(house.caller("ann"), SERVICE, ("shop", "bank"))
    assert found == Scope(namespaces=frozenset({"shop"}))


async def test_many_who_wait_for_one_answer_ask_once_and_nobody_asks_more_than_eight_at_once(
    house: House, authorizer: Authorizer
) -> None:
    ann, authorizer.gate = house.caller("ann"), threading.Event()
    same = [asyncio.create_task(house.access.may(ann, "list", SERVICE, "")) for _ in range(50)]
    await asyncio.sleep(0)
    same[0].cancel()
    authorizer.gate.set()
    answers = await asyncio.gather(*same, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [False] * 49
    assert len(authorizer.asked) == 1
    await house.access.scope(ann, SERVICE, [f"place-{n}" for n in range(100)])
    assert len(authorizer.asked) == 101
    assert authorizer.most_at_once <= 8


async def test_credentials_that_are_no_more_end_the_sight_of_everything(
    house: House, authorizer: Authorizer
) -> None:
    ann = house.caller("ann")
    assert [one.name for one in (await house.door.sight(ann)).services()] == ["shop-till"]
    del authorizer.people["token-of-ann"]
    house.now += 31
    with pytest.raises(UnauthorizedError):
        await house.access.may(ann, "list", SERVICE, "shop")
