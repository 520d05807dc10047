"""No route shows more than the caller may see, whatever is asked of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.explore.desk import open_desk
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.pages import ROUTERS, entry
from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.web.site import Site
from anomaly_operator.api.resources import of
from loopback.authorizer import Authorizer
from pretend.fleet import fleet
from unit.anomaly_dashboard.identity.house import House
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

SIGN = "/sign-in"
OPEN = {"/healthz", "/readyz", "/sign-in"}
"""What anybody may ask: they know nothing of any object."""
OWN = {
    "/sign-out",
    "/policies/new",
    "/explore/runs/{run_id}",
    "/explore/runs/{run_id}/cancel",
    "/explore/runs/{run_id}/series",
    "/explore/runs/{run_id}/recording.csv",
}
"""What shows no object, or nothing but what the same caller began."""
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def needs(route: APIRoute) -> set[Callable[..., Any]]:
    """Everything that a route depends on."""

    def walk(one: Dependant) -> Iterator[Callable[..., Any]]:
        for inner in one.dependencies:
            assert inner.call is not None
            yield inner.call
            yield from walk(inner)

    return set(walk(route.dependant))


def named(route: APIRoute) -> str:
    return f"{','.join(sorted(route.methods))} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_a_route_knows_the_caller_and_what_they_see(route: APIRoute) -> None:
    if route.path in OPEN:
        return
    wanted = {entry._caller} if route.path in OWN else {entry._caller, entry._sight}
    assert wanted <= needs(route)
    assert route.methods <= {"GET", "POST"}


@pytest.fixture(scope="module")
def store() -> Store:
    """A fleet in several namespaces, each with names of its own."""
    found = Store()
    for raw in fleet(80, seed=3):
        found.put(of(raw["apiVersion"], raw["kind"]), raw)
    return found


async def test_who_sees_one_namespace_sees_nothing_of_another_on_any_page(store: Store) -> None:
    """An object of another namespace and one that does not exist give the same page, and no page
    names what the caller may not see unless an object of theirs does."""
    shelves = (store.services, store.incidents, store.policies)
    places = [place for shelf in shelves for place in shelf.rows]
    ours = " ".join(
        json.dumps(shelf.whole(place))
        for shelf in shelves
        for place in shelf.rows
        if place[0] == "shop"
    )
    secrets = {name for space, name in places if space != "shop" and name not in ours}
    # A name that is a word says nothing.
    secrets = {name for name in secrets if "-" in name}
    assert len(secrets) > 30
    scope = Scope(namespaces=frozenset({"shop"}))
    door = OpenDoor(store, Scopes(scope, scope, scope), allowed=False)
    desk, blind_door = open_desk(None, 1, {}), OpenDoor(store, Scopes(), allowed=False)
    async with browser(door, desk=desk) as client, browser(blind_door, desk=desk) as blind:
        for path, foreign in addresses(places):
            page, unseen = await client.get(path), await blind.get(path)
            assert page.status_code < 500, path
            assert unseen.status_code < 500, path
            if foreign:
                assert page.status_code in {403, 404}, path
            shown = {name for name in secrets if name in page.text.replace(path, "")}
            assert not shown - set(path.split("/")), path
            if "/shop/" in path:
                assert unseen.status_code in {403, 404}, path
            shown = {name for name in secrets if name in unseen.text}
            assert not shown - set(path.split("/")), path
    await desk.close()


def addresses(places: list[tuple[str, str]]) -> Iterator[tuple[str, bool]]:
    """Of every page: with some objects of each namespace, and whether they are another's."""
    for route in ROUTES:
        if "GET" not in route.methods or route.path in {*OPEN, "/events"}:
            continue
        if "{namespace}" not in route.path:
            yield route.path, False
            continue
        seen: Counter[str] = Counter()
        for namespace, name in places:
            seen[namespace] += 1
            if seen[namespace] <= 4:
                path = route.path.replace("{namespace}", namespace).replace("{name}", name)
                yield path, namespace != "shop"


async def test_nobody_gets_in_without_being_known(house: House, authorizer: Authorizer) -> None:
    async with house.client() as client:
        for route in ROUTES:
            path = route.path.replace("{namespace}", "shop").replace("{name}", "shop-till-1")
            for method in route.methods if route.path not in OPEN else ():
                page = await client.request(method, path)
                assert page.status_code in {303, 401}, path
                assert "shop-till" not in page.text, path
    assert authorizer.asked == []


async def test_every_post_brings_its_token_back(store: Store) -> None:
    namespace, name = next(iter(store.incidents.rows))
    async with browser(OpenDoor(store)) as client:
        for route in ROUTES:
            if "POST" not in route.methods or route.path in OPEN:
                continue
            path = route.path.replace("{namespace}", namespace).replace("{name}", name)
            assert (await client.post(path)).status_code == 403, path
            assert (await client.post(path, data={"csrf": "wrong"})).status_code == 403, path


def filled() -> Any:
    """Over a fleet, without limits, for requests made from the document."""
    found = Store()
    for raw in fleet(12, seed=5):
        found.put(of(raw["apiVersion"], raw["kind"]), raw)
    desk = open_desk(None, 1, {})
    parts = Parts(Site(clock=lambda: NOW), OpenDoor(found), desk=desk)
    parts.rules.requests = Limit(1e9, 10**9)
    return build_app(parts)


def described(found: dict[str, Any]) -> dict[str, Any]:
    """With the parts of paths that a route reads off the address itself."""
    for path, verbs in found["paths"].items():
        for verb in verbs.values():
            known = verb.setdefault("parameters", [])
            for name in set(re.findall(r"{(\w+)}", path)) - {one["name"] for one in known}:
                text = {"type": "string"}
                known.append({"name": name, "in": "path", "required": True, "schema": text})
    return found


APP = filled()
document = schemathesis.openapi.from_dict(described(APP.openapi()))


# An event stream does not end by itself.
@document.exclude(path_regex="/events").parametrize()
@hypothesis.settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_no_request_breaks_it(case: Any) -> None:
    case.headers["X-CSRF-Token"] = "csrf-of-ann"
    answer = case.call(app=APP)
    assert answer.status_code < 500, answer.text


HOSTILE = ["\x00", "\x7f", "a\r\nSet-Cookie: x=y", "é" * 3000, "{{7*7}}", "../../etc/passwd", "%00"]
HEADERS = [
    "Cookie", "Authorization", "X-Forwarded-For", "X-CSRF-Token", "Accept", "Origin", "Host",
    "Content-Type", "HX-Request", "If-None-Match", "Last-Event-ID", "Sec-Fetch-Site",
]  # fmt: skip


async def test_hostile_headers_break_nothing(house: House) -> None:
    async with house.client() as client:
        for header, text, method, path in product(HEADERS, HOSTILE, ("GET", "POST"), ("/", SIGN)):
            answer = await client.request(method, path, headers=[(header.encode(), text.encode())])
            assert answer.status_code < 500, (header, text)
            assert "x=y" not in answer.headers.get("set-cookie", "")
            house.now += 10
