"""Export and import: the same order each time, nothing written untried, bounds, other people's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.writes.manifest_text import MAX_BYTES, read
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from loopback.manifest_server import ManifestServer
from pretend.fleet import fleet
from unit.anomaly_dashboard.signed_in import OpenDoor, browser


def raw(resource: Any, name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"},
        "spec": spec,
        "status": {"state": "Healthy"},
    }


OBJECTS = (
    (SERVICE, raw(SERVICE, "b", category="Core", step="1m")),
    (SERVICE, raw(SERVICE, "a", category="Core", timeZone="Europe/Berlin")),
    (POLICY, raw(POLICY, "web", thresholds={"latency": {"critical": "1s"}})),
    (ANOMALY, raw(ANOMALY, "a-1", serviceRef={"name": "a"}, feedback={"verdict": "Expected"})),
    (ANOMALY, raw(ANOMALY, "a-2", serviceRef={"name": "a"})),
    (SERVICE, raw(SERVICE, "hidden", "vault")),
)


@pytest.fixture
def server() -> Iterator[ManifestServer]:
    with ManifestServer() as running:
        for resource, one in OBJECTS:
            running.put(resource.plural, one)
        yield running


def door(server: ManifestServer | None, scopes: Scopes | None = None) -> OpenDoor:
    store = Store()
    for resource, one in OBJECTS:
        store.put(resource, one)
    shop = Scope(namespaces=frozenset({"shop"}))
    made = OpenDoor(store, scopes or Scopes(shop, shop, shop))
    if server is not None:
        made.person = replace(made.person, login=server.login)
    return made


async def export(at: OpenDoor, query: str = "") -> str:
    async with browser(at) as client:
        answer = await client.get(f"/transfer/export.yaml{query}")
    assert answer.status_code == 200
    return answer.text


async def sent(at: OpenDoor, text: str, **form: Any) -> str:
    data = {"csrf": at.person.csrf, "manifest": text, **form}
    async with browser(at) as client:
        answer = await client.post("/transfer", data=data, files={"none": b""})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_an_export_has_what_people_wrote_in_a_stable_order() -> None:
    text = await export(door(None))
    assert [one.title for one in read(text)] == [
        "AnomalyService shop/a",
        "AnomalyService shop/b",
        "SLOPolicy shop/web",
        "Anomaly shop/a-1",
    ]
    assert "status" not in text
    assert "resourceVersion" not in text
    assert "serviceRef" not in text
    assert text == await export(door(None))
    assert "nothing that somebody wrote" in await export(door(None), "?namespace=vault")


async def test_a_fleet_with_hostile_texts_is_read_again_as_it_was() -> None:
    at = OpenDoor(Store())
    for one in fleet(30, seed=3):
        resource = {"AnomalyService": SERVICE, "SLOPolicy": POLICY}.get(one["kind"], ANOMALY)
        at.store.put(resource, one)
    found = {one.title: one.manifest for one in read(await export(at))}
    for row in at.store.services.rows.values():
        live = at.store.services.whole(row.place)
        assert live is not None
        assert found[f"AnomalyService {row.namespace}/{row.name}"]["spec"] == live["spec"]


async def test_an_import_of_an_export_changes_nothing(server: ManifestServer) -> None:
    at = door(server)
    text = await export(at)
    page = await sent(at, text)
    assert "4 documents: 4 changes nothing." in page
    await sent(at, text, action="apply", document=["0", "1", "2", "3"])
    assert server.written == []


async def test_nothing_is_written_before_it_is_selected_and_applied(server: ManifestServer) -> None:
    at = door(server)
    text = (await export(at)).replace("Europe/Berlin", "Asia/Tokyo").replace("step: 1m", "step: 2m")
    text += "---\n" + text.split("---\n")[3].replace("name: web", "name: fresh")
    page = await sent(at, text)
    assert server.written == []
    assert "5 documents: 1 would be made, 2 would change, 2 changes nothing." in page
    assert "Asia/Tokyo" in page
    assert "anns-token" not in page
    page = await sent(at, text, action="apply", document=["0", "4", "77", "x"])
    assert sorted(server.written) == [SERVICE.path("shop", "a"), POLICY.path("shop", "fresh")]
    assert "2 applied, 1 would change, 2 changes nothing" in page


async def test_a_refusal_is_of_its_document_alone(server: ManifestServer) -> None:
    at = door(server)
    server.refuse(
        SERVICE.plural, "shop", "a", 403,
        'anomalyservices.anomaly-operator.dev "a" is forbidden: User "ann" cannot patch resource '
        '"anomalyservices" in API group "anomaly-operator.dev" in the namespace "shop"',
    )  # fmt: skip
    text = (await export(at)).replace("a-1", "gone-1").replace("step: 1m", "step: 2m")
    page = await sent(at, text, action="apply", document=["0", "1", "3"])
    assert "user ann may not patch anomalyservices in namespace shop" in page
    assert "there is no Anomaly gone-1 in namespace shop" in page
    assert server.written == [SERVICE.path("shop", "b")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no document in it"),
        ("kind: Secret", "only AnomalyService"),
        ("a: [", "not YAML: line 1"),
        ("#" * (MAX_BYTES + 1), "has more than 900 KiB"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_whole(
    server: ManifestServer, text: str, said: str
) -> None:
    page = await sent(door(server), text)
    assert "The file cannot be used" in page
    assert said in page
    assert server.asked == []


async def test_an_uploaded_file_is_read_before_what_was_pasted(server: ManifestServer) -> None:
    at = door(server)
    text = await export(at)
    async with browser(at) as client:
        answer = await client.post(
            "/transfer",
            data={"csrf": at.person.csrf, "manifest": "a: ["},
            files={"file": ("all.yaml", text.encode())},
        )
    assert "4 changes nothing" in answer.text


async def test_who_is_known_by_headers_alone_imports_nothing() -> None:
    at = door(None)
    async with browser(at) as client:
        page = (await client.get("/transfer")).text
        refused = await client.post("/transfer", data={"csrf": at.person.csrf, "manifest": "a"})
    assert "You can only read" in page
    assert refused.status_code == 403
