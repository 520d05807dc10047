"""A running operator whose statuses a backup tool restores, or whose managedFields an editor
edits: the old fields go, the parts of others stay, and then it is quiet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.audit import AuditLog, Request
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from pretend.described import POLICY
from watched.detections import STEP, UNSCORED, Found, report
from watched.editor import Editor, make_editor

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

SETTINGS = """
watchNamespaces: ["{namespace}"]
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
"""
OTHER = "velero"
OLD = {
    "type": "Old",
    "status": "True",
    "reason": "Ready",
    "message": "old",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
RESTORED: dict[str, dict[str, Any]] = {
    "asvc": {
        "conditions": [OLD],
        "training": {
            "nextAttempt": "2026-01-01T00:00:00Z",
            "lastFailure": {"message": "old", "reason": "NoData", "time": "2026-01-01T00:00:00Z"},
        },
        "slo": {"status": "Breached"},
    },
    "slop": {"conditions": [OLD], "burning": 3},
    "anom": {"conditions": [OLD], "closedAt": "2026-01-01T00:00:00Z"},
}
KEYS = {"asvc": "AnomalyService", "slop": "SLOPolicy", "anom": "AnomalyService"}
"""Of which kind the object is that is reconciled when one of a kind changes."""
MARKS = [{"receiver": "ops", "edge": "Opened", "at": "2026-01-01T00:00:00Z"}]


@dataclass
class Shop:
    cluster: Sandbox
    namespace: str
    start: Callable[[], LocalOperator]
    objects: dict[str, str]
    """By kind the name of the object."""

    def get(self, kind: str, name: str = "") -> dict[str, Any]:
        return self.cluster.get(kind, name or self.objects[kind], self.namespace) or {}

    def status(self, kind: str) -> dict[str, Any]:
        return dict(self.get(kind).get("status", {}))

    def apply_status(self, kind: str, status: dict[str, Any], manager: str = OTHER) -> None:
        raw = self.get(kind)
        self.cluster.api.request(
            "PATCH",
            self.cluster.api.resource(kind).path(self.namespace, self.objects[kind], "status"),
            {
                "apiVersion": raw["apiVersion"],
                "kind": raw["kind"],
                "metadata": {"name": self.objects[kind]},
                "status": status,
            },
            query={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
            content_type="application/apply-patch+yaml",
        )

    def restore(self, kind: str) -> None:
        """All that is live, and fields of an older status, as another manager's."""
        live = self.status(kind)
        more = RESTORED[kind]
        conditions = [*live.get("conditions", []), *more["conditions"]]
        self.apply_status(kind, {**live, **more, "conditions": conditions})

    def left(self, kind: str) -> bool:
        status = self.status(kind)
        types = {one["type"] for one in status["conditions"]}
        return "Old" in types or bool(status.keys() & (RESTORED[kind].keys() - {"conditions"}))

    def reasons(self, kind: str) -> list[str]:
        found = self.cluster.list("events", self.namespace)
        uid = self.get(kind)["metadata"]["uid"]
        return sorted(
            one["reason"]
            for one in found
            if one["involvedObject"]["uid"] == uid and one["reason"].startswith("Status")
        )

    def wait_until_clean(self, kind: str) -> None:
        self.cluster.wait_for(lambda: not self.left(kind), 60, f"{kind} is clean")

    def wait_for_events(self, kind: str, *reasons: str) -> None:
        self.cluster.wait_for(lambda: self.reasons(kind) == list(reasons), 60, f"Events on {kind}")

    def writes(self, log: AuditLog) -> list[Request]:
        """The operator's in the namespace, but for the Lease and Events."""
        return [
            one
            for one in log.requests(writes=True, namespace=self.namespace)
            if one.user_agent == names.MANAGED_BY and one.resource not in ("leases", "events")
        ]


@pytest.fixture
def shop(crds: Sandbox, namespace: str, tmp_path: Path) -> Iterator[Shop]:
    made: list[LocalOperator] = []

    def start() -> LocalOperator:
        folder, text = tmp_path / f"operator-{len(made)}", SETTINGS.format(namespace=namespace)
        made.append(LocalOperator(folder, crds.kubeconfig, text, "--namespace", namespace).start())
        return made[-1].wait_until_leading()

    yield _shop(crds, namespace, start)
    for one in made:
        if one.alive():
            one.stop()


def _shop(crds: Sandbox, namespace: str, start: Callable[[], LocalOperator]) -> Shop:
    for kind, name, spec in (
        ("SLOPolicy", "web", POLICY),
        ("AnomalyService", "checkout", UNSCORED),
    ):
        body = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}}
        crds.api.create(
            "slop" if kind == "SLOPolicy" else "asvc", {**body, "spec": spec}, namespace
        )
    return Shop(crds, namespace, start, {"asvc": "checkout", "slop": "web"})


def open_incident(shop: Shop) -> None:
    now = int(time.time()) // STEP * STEP
    found = Found(now - STEP).detection("20261123-020000-abcdef", now - STEP)
    report(shop.cluster, shop.namespace, "checkout", found)

    def opened() -> bool:
        listed = shop.cluster.list("anom", shop.namespace)
        return bool(listed and listed[0].get("status", {}).get("conditions"))

    shop.cluster.wait_for(opened, 60, "an incident opens")
    shop.objects["anom"] = shop.cluster.list("anom", shop.namespace)[0]["metadata"]["name"]


@pytest.mark.parametrize("stripped", [False, True], ids=["restored", "managedFields edited"])
def test_restored_fields_go_the_parts_of_others_stay_and_it_is_quiet(
    shop: Shop, stripped: bool
) -> None:
    editor = make_editor(shop.cluster, shop.namespace)
    first = shop.start()
    shop.cluster.wait_for(lambda: shop.status("slop") and shop.status("asvc"), 60, "statuses")
    open_incident(shop)
    _refused(editor, shop)
    assert first.stop() == 0
    shop.apply_status("anom", {"notifications": MARKS}, names.NOTIFY_FIELD_MANAGER)
    theirs = (shop.status("asvc")["detection"], shop.status("anom")["notifications"])
    for kind in shop.objects:
        shop.restore(kind)
        assert shop.left(kind)
        if stripped:
            editor.patch(kind, shop.objects[kind], {"metadata": {"managedFields": [{}]}})
            assert "managedFields" not in shop.get(kind)["metadata"]
    restored = shop.cluster.audit().since_now()
    operator = shop.start()
    for kind in shop.objects:
        shop.wait_until_clean(kind)
    assert (shop.status("asvc")["detection"], shop.status("anom")["notifications"]) == theirs
    assert "Notified" in {one["type"] for one in shop.status("anom")["conditions"]}
    for kind in shop.objects:
        shop.wait_for_events(kind, "StatusFieldsRemoved")
    sent = Counter(one.resource for one in shop.writes(restored))
    # An apply and a removal each; a restored status may need more than one apply.
    plurals = ("anomalyservices", "slopolicies", "anomalies")
    assert all(sent[f"{plural}/status"] in (2, 3) for plural in plurals), sent
    _contest(shop, operator)


def _contest(shop: Shop, operator: LocalOperator) -> None:
    """The tool writes again and again within the hour: the operator says so and writes nothing."""
    settled = shop.cluster.audit().since_now()
    for turn in range(3):
        for kind in shop.objects:
            before = _reconciled(operator, KEYS[kind])
            if turn == 0:
                shop.restore(kind)
            else:
                _touch(shop, kind, turn)
            _wait_for_more(shop, operator, KEYS[kind], before)
    assert all(shop.left(kind) for kind in shop.objects)
    assert shop.writes(settled) == []
    for kind in shop.objects:
        shop.wait_for_events(kind, "StatusContested", "StatusFieldsRemoved")


def _touch(shop: Shop, kind: str, turn: int) -> None:
    """The same field with another value."""
    live = shop.status(kind)
    conditions = [
        {**one, "message": f"old {turn}"} if one["type"] == "Old" else one
        for one in live["conditions"]
    ]
    shop.apply_status(kind, {**live, "conditions": conditions})


def _wait_for_more(shop: Shop, operator: LocalOperator, kind: str, before: float) -> None:
    def looked() -> bool:
        return _reconciled(operator, kind) > before

    shop.cluster.wait_for(looked, 60, f"{kind} is looked at")


def _reconciled(operator: LocalOperator, kind: str) -> float:
    series = f'anomaly_operator_reconciles_total{{kind="{kind}",result="Success"}}'
    return operator.metrics().get(series, 0.0)


def _refused(editor: Editor, shop: Shop) -> None:
    """Nobody with `edit` writes a status."""
    for kind, name in shop.objects.items():
        done = editor.kubectl(
            *("patch", kind, name, "--subresource=status", "--type=merge"),
            *("-p", '{"status": {"summary": "mine"}}'),
            check=False,
        )
        assert done.returncode != 0
        assert "Forbidden" in done.stderr or "forbidden" in done.stderr
