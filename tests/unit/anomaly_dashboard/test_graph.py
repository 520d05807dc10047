"""The graph: layers, circles, what is folded away, roots and what a caller may not read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dashboard.views.graph import GraphView, graph
from anomaly_dashboard.views.graph_choice import ALL, MAX_DRAWN, TROUBLE, GraphFilter
from anomaly_dashboard.views.graph_drawing import BOX_HEIGHT
from anomaly_dashboard.views.graph_layers import layers, ordered, route
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, SERVICE
from detector_runtime.contract.vocabulary import Severity
from unit.anomaly_dashboard.made_rows import incident_row, service_row
from unit.anomaly_dashboard.signed_in import OpenDoor, browser

EVERYWHERE = Scope(everywhere=True)
CRITICAL = Severity.CRITICAL


def seen(
    services: list[ServiceRow],
    incidents: tuple[IncidentRow, ...] = (),
    readable: Scope = EVERYWHERE,
    asked: GraphFilter | None = None,
) -> GraphView:
    return graph(services, incidents, readable, asked or GraphFilter(show=ALL))


def place(name: str) -> Place:
    return ("shop", name)


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4), max_size=13))
def test_a_dependency_leads_to_a_later_column_unless_it_closes_a_circle(
    numbers: dict[int, list[int]],
) -> None:
    edges = {
        place(str(one)): tuple(place(str(to)) for to in below if to in numbers and to != one)
        for one, below in numbers.items()
    }
    found = layers(edges)
    for one, below in edges.items():
        for to in below:
            if (one, to) in found.closing:
                assert route(to, one, edges), "what closes a circle leads back"
            else:
                assert found.column[one] < found.column[to]


def test_neighbours_are_put_at_the_same_height() -> None:
    edges = {place("a"): (place("y"),), place("b"): (place("x"),), place("x"): (), place("y"): ()}
    rows = ordered({0: [place("a"), place("b")], 1: [place("x"), place("y")]}, edges)
    assert rows[0].index(place("a")) == rows[1].index(place("y"))
    assert rows[0].index(place("b")) == rows[1].index(place("x"))


def test_a_circle_is_drawn_and_named() -> None:
    view = seen([service_row("a", "b"), service_row("b", "c"), service_row("c", "a")])
    assert [one.part for one in view.arrows].count("circle") == 1
    assert view.circles == ("c depends on a, and a, directly or through others, on c",)


def test_the_way_from_a_symptom_to_its_root_is_drawn_with_what_lies_between() -> None:
    services = [
        service_row("front", "cart", severity=Severity.HIGH),
        service_row("cart", "database"),
        service_row("database", severity=CRITICAL),
        service_row("mail"),
    ]
    incidents = (incident_row("front", root=place("database")), incident_row("database"))
    view = seen(services, incidents, asked=GraphFilter(show=TROUBLE))
    assert {one.row.name: one.part for one in view.nodes} == {
        "front": "symptom",
        "cart": "",
        "database": "root",
    }
    assert [one.title for one in view.arrows if one.part == "way"] == [
        "front depends on cart",
        "cart depends on database",
    ]
    assert [(one.row.name, one.symptoms, one.root) for one in view.lines if one.symptoms] == [
        ("database", (place("front"),), None)
    ]
    assert view.clusters[0].folded == 1


def test_who_calls_a_service_in_trouble_is_drawn_too() -> None:
    services = [service_row("front", "cart"), service_row("cart", severity=CRITICAL)]
    view = seen(services, asked=GraphFilter(show=TROUBLE))
    assert {one.row.name for one in view.nodes} == {"front", "cart"}


def test_healthy_services_of_a_large_fleet_are_folded_until_their_namespace_is_opened() -> None:
    services = [service_row(f"s{number}") for number in range(200)]
    assert seen(services, asked=GraphFilter()).quiet
    assert seen(services, asked=GraphFilter()).folded == (("shop", 200),)
    opened = seen(services, asked=GraphFilter(opened=frozenset({"shop"})))
    assert len(opened.nodes) == 200
    assert len(seen(services, asked=GraphFilter(search="S19")).nodes) == 11


def test_boxes_do_not_lie_on_one_another_and_stay_in_the_band_of_their_namespace() -> None:
    services = []
    for number in range(100):
        below = (f"s{to}" for to in range(number + 7, 100, 31))
        beyond = (f"n{(number + 1) % 4}", f"s{number + 1}")
        namespace = f"n{number % 4}"
        services.append(service_row(f"s{number}", *below, namespace=namespace, beyond=(beyond,)))
    view = seen(services)
    assert len({(one.x, one.y) for one in view.nodes}) == len(view.nodes) == 100
    band = {one.band.namespace: one.band for one in view.clusters}
    for one in view.nodes:
        inside = band[one.row.namespace]
        assert inside.top < one.y < one.y + BOX_HEIGHT < inside.top + inside.height
        assert one.x + view.box_width <= view.width


def test_more_than_fit_are_counted_and_the_worst_are_drawn() -> None:
    services = [service_row(f"s{number}") for number in range(MAX_DRAWN + 5)]
    services.append(service_row("zz", severity=CRITICAL))
    view = seen(services)
    assert view.left_out == 6
    assert len(view.nodes) == MAX_DRAWN
    assert view.lines[0].row.name == "zz"


def test_what_may_not_be_read_is_counted_and_never_named() -> None:
    services = [service_row("front", "gone", beyond=(("secret", "vault"),))]
    line = seen(services, readable=Scope(namespaces=frozenset({"shop"}))).lines[0]
    assert (line.unread, line.absent, line.depends_on) == (1, 1, ())


def raw(name: str, namespace: str, below: list[dict[str, str]], severity: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"dependsOn": below}, "status": {"severity": severity}}


async def test_the_page_draws_what_the_caller_may_read() -> None:
    store = Store()
    store.put(SERVICE, raw("front", "shop", [{"name": "vault", "namespace": "secret"}], "High"))
    store.put(SERVICE, raw("vault", "secret", [], "Critical"))
    store.put(
        ANOMALY,
        {
            "metadata": {"name": "front-1", "namespace": "shop", "resourceVersion": "1"},
            "spec": {"serviceRef": {"name": "front"}},
            "status": {"state": "Open", "rootCause": {"service": "vault", "namespace": "secret"}},
        },
    )
    shop = Scope(namespaces=frozenset({"shop"}))
    async with browser(OpenDoor(store), "/a") as client:
        whole = (await client.get("/a/graph")).text
    async with browser(OpenDoor(store, Scopes(shop, shop, shop))) as client:
        page = await client.get("/graph?severity=nonsense&show=x&q=%22%3E")
        part = (await client.get("/graph")).text
    assert page.status_code == 200
    assert "No service matches the filter" in page.text
    assert 'href="/a/services/secret/vault"' in whole
    assert "vault: Critical, Pending, root" in whole
    assert "vault" not in part
    assert "1 dependency you may not read" in part
    assert "style=" not in whole
