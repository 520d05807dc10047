"""The audit trail: what objects record, by person and time, on the page and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from anomaly_dashboard.views.audit import DAY, AuditFilter, Entry, newest, of_managers, table
from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.api.text import to_text
from loopback.manifest_server import ManifestServer
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser


def raw(name: str, namespace: str = "shop", **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}
    return {"metadata": {**metadata, **parts.pop("metadata", {})}, **parts}


def incident(name: str = "checkout-1", namespace: str = "shop") -> dict[str, Any]:
    return raw(
        name,
        namespace,
        spec={
            "serviceRef": {"name": "checkout"},
            "acknowledgement": {"by": "ann", "at": to_text(NOW - 60), "comment": "on it"},
            "feedback": {"verdict": "Expected", "by": "=cmd()", "at": to_text(NOW - 30)},
        },
        status={
            "state": "Open",
            "lastSeen": to_text(NOW - 10),
            "history": [
                {"at": to_text(NOW - 90), "what": "Opened", "who": "operator", "why": "High"},
                {"at": to_text(NOW - 60), "what": "Acknowledged", "who": "ann", "why": "on it"},
                {"at": to_text(NOW - 9 * DAY), "what": "DeadlineMissed", "who": "operator"},
            ],
        },
    )


def store() -> Store:
    made = Store()
    made.put(ANOMALY, incident())
    made.put(
        SERVICE,
        raw(
            "checkout",
            metadata={"annotations": {"anomaly-operator.dev/train-requested-at": to_text(NOW)}},
            spec={"expected": [{"pattern": "latency_spike", "until": "2026-12-01T00:00:00Z",
                                "reason": "<i>sale"}]},
        ),
    )  # fmt: skip
    return made


async def test_people_come_first_and_the_operator_on_demand() -> None:
    async with browser(OpenDoor(store())) as client:
        people = (await client.get("/audit")).text
        all_of = (await client.get("/audit?all=1&days=90")).text
        ann = (await client.get("/audit?who=ANN&namespace=shop")).text
        nobody = (await client.get("/audit?who=zoe&days=x&page=-1")).text
    assert people.count("on it") == 1, "what is in the history is not said twice"
    assert people.index("Training requested") < people.index("Feedback") < people.index("on it")
    assert "&lt;i&gt;sale" in people
    assert "Deadline missed" not in people
    assert "Deadline missed" in all_of
    assert "Feedback" not in ann
    assert "Nobody said or changed anything" in nobody


async def test_the_table_for_a_spreadsheet_holds_no_formula() -> None:
    async with browser(OpenDoor(store())) as client:
        answer = await client.get("/audit.csv?all=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["person"] for row in rows if row["what"] == "Feedback"] == ["'=cmd()"]
    assert {row["name"] for row in rows} == {"checkout", "checkout-1"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_text(start: str) -> None:
    entry = Entry(NOW, f"{start}1+1", "x", f'{start}a,"b', "Anomaly", ("n", "m"), "s")
    row = list(csv.reader(io.StringIO("".join(table([entry])), newline="")))[1]
    assert row[1] == f"'{start}1+1"
    assert row[-1] == f"'{start}a,\"b"


def test_time_limits_what_has_one() -> None:
    entries = [Entry(at, "a", "x", "", "Anomaly", ("n", "m"), "s") for at in (NOW - 2 * DAY, 0)]
    assert [one.at for one in newest(entries, AuditFilter(days=1), NOW)] == [0]


async def test_a_caller_reads_the_trail_of_what_they_may_read() -> None:
    made = store()
    made.put(ANOMALY, incident("secret-1", "vault"))
    shop = Scope(namespaces=frozenset({"shop"}))
    async with browser(OpenDoor(made, Scopes(shop, shop, shop))) as client:
        pages = [(await client.get(path)).text for path in ("/audit?all=1", "/audit.csv?all=1")]
        refused = await client.get("/audit/anomalies/vault/secret-1")
        unknown = await client.get("/audit/secrets/shop/a")
    assert not any("vault" in page for page in pages)
    assert (refused.status_code, unknown.status_code) == (404, 404)


async def test_the_page_of_one_object_shows_which_program_wrote_what() -> None:
    policy = raw("web", spec={})
    written = {
        "manager": "argocd", "operation": "Apply", "time": to_text(NOW - 5),
        "fieldsV1": {"f:spec": {"f:thresholds": {}, ".": {}}, "f:metadata": {"f:labels": {}}},
    }  # fmt: skip
    with ManifestServer() as server:
        server.put(POLICY.plural, raw("web", metadata={"managedFields": [written]}))
        made = store()
        made.put(POLICY, policy)
        door = OpenDoor(made)
        async with browser(door) as client:
            without = (await client.get("/audit/slopolicies/shop/web")).text
            door.person = replace(door.person, login=server.login)
            page = (await client.get("/audit/slopolicies/shop/web")).text
            own = (await client.get("/audit/anomalies/shop/checkout-1")).text
    assert "Sign in with a token" in without
    assert "argocd" in page
    assert "metadata.labels, spec.thresholds" in page
    assert "on it" in own


def test_many_fields_of_one_program_are_cut() -> None:
    fields = {"f:spec": {f"f:{number}": {} for number in range(20)}}
    (found,) = of_managers([{"manager": "a", "fieldsV1": fields}], SERVICE, ("n", "m"))
    assert found.why.endswith("spec.7 and 12 more")
