"""What every page has: the headers, escaping, the prefix."""

from __future__ import annotations

from typing import Any

from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import SERVICE
from unit.anomaly_dashboard.signed_in import OpenDoor, browser


def service(name: str, namespace: str = "shop", **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {}, "status": status}


async def test_a_page_has_the_strict_headers_and_escapes_names() -> None:
    store = Store()
    store.put(SERVICE, service("<script>alert(1)</script>"))
    async with browser(OpenDoor(store), "/anomalies") as client:
        page = await client.get("/anomalies/")
        asset = await client.get("/anomalies/static/site.css")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    assert 'href="/anomalies/graph"' in page.text
    assert "immutable" in asset.headers["cache-control"]


async def test_an_object_is_kept_once_and_leaves_with_a_list_that_has_it_no_more() -> None:
    store, seen = Store(), list[str]()
    store.listen(lambda change: seen.append(change.place[1]))
    store.put(SERVICE, service("a"))
    store.put(SERVICE, service("a"))
    store.replace(SERVICE, [service("b")])
    assert seen == ["a", "b", "a"]
    assert list(store.services.rows) == [("shop", "b")]
    assert store.services.whole(("shop", "b")) == service("b")
