"""One namespace fills the room for Anomaly objects; another still gets those of its incidents.

The editor of the full namespace has a service for each incident that a model could find, and does
with the objects what RBAC lets them do. Services without a model are suspended: their detections
are applied as a scoring pod would.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.reasons import Reason
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from detector_runtime.contract.vocabulary import Severity
from loopback.trainer import quick_trainer
from watched.detections import STEP, UNSCORED, Found, report
from watched.editor import Editor, make_editor
from watched.namespace import Watched

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

LIMIT = 100
SHARE = LIMIT // 2 // 2
"""Of two namespaces; so one may hold 75 while the other has not used its share."""
SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
watchNamespaces: [{namespaces}]
anomalies: {{maxPerCluster: {limit}}}
qps: 200
burst: 400
"""
APART = 6 * 3600
"""More than the separation of `UNSCORED`: each window is an incident of its own."""


def service(name: str, *, suspended: bool = True) -> dict[str, Any]:
    incidents = {**UNSCORED["incidents"], "confirmationCycles": 1}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {**UNSCORED, "incidents": incidents, "suspend": suspended},
    }


class Team(Watched):
    """A namespace with its editor."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor.cluster, editor.namespace)
        self.editor = editor

    def finds(self, name: str, severity: Severity, *, count: int = 1, over: bool = False) -> None:
        """The service `name` has had `count` incidents; the last one is `over` or runs."""
        now = int(time.time()) // STEP * STEP
        found = Found(now - 5 * STEP, count, severity, apart=APART)
        if not self.get(name):
            self.editor.create(service(name))
        document = found.detection(self.revision(name), now if over else found.last)
        report(self.cluster, self.name, name, document)

    def objects(self) -> dict[str, dict[str, Any]]:
        """Anomaly objects by uid."""
        return {one["metadata"]["uid"]: one for one in self.cluster.list("anomalies", self.name)}

    def of(self, name: str) -> list[dict[str, Any]]:
        """Those whose status is written."""
        return [one for one in self.anomalies(name) if one.get("status")]

    def await_objects(self, name: str, count: int) -> None:
        self.wait(lambda: len(self.of(name)) == count, 90, f"{count} objects of {name}")


def test_a_full_namespace_leaves_the_others_their_share(
    crds: Sandbox, make_namespace: Callable[[], str], tmp_path: Path
) -> None:
    crowd = Team(make_editor(crds, make_namespace()))
    quiet = Team(make_editor(crds, make_namespace()))
    image = quick_trainer(crds, tmp_path)
    settings = SETTINGS.format(image=image, namespaces=f"{crowd.name}, {quiet.name}", limit=LIMIT)
    where = ("--namespace", crowd.name, "--no-leader-elect")
    crowd.editor.create(service("gives", suspended=False))
    crowd.editor.create(service("full", suspended=False))
    with LocalOperator(tmp_path / "operator", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading()
        quiet.finds("payments", Severity.LOW)
        quiet.await_objects("payments", 1)
        for name in ("gives", "full"):
            crowd.wait(lambda name=name: crowd.serves(name), 120, f"{name} is trained")
        crowd.finds("gives", Severity.MEDIUM, over=True)
        for name in ("old-1", "old-2"):
            crowd.finds(name, Severity.HIGH, count=36, over=True)
        for name, count in (("gives", 1), ("old-1", 36), ("old-2", 36)):
            crowd.await_objects(name, count)
        _hide_two(crowd, quiet)
        # 71 of 75 count by now.
        for number in range(4):
            crowd.finds(f"busy-{number}", Severity.HIGH)
            crowd.await_objects(f"busy-{number}", 1)
        crowd.finds("full", Severity.LOW)
        crowd.await_condition("full", "Detecting", Reason.ANOMALY_LIMIT)
        assert crowd.of("full") == []
        log = crds.audit().since_now()
        quiet.finds("checkout", Severity.CRITICAL)
        quiet.await_objects("checkout", 1)
        quiet.finds("stock", Severity.LOW, count=SHARE - 2, over=True)
        quiet.await_objects("stock", SHARE - 2)
        assert not log.requests(resource="anomalies", verb="delete")
        # Above its share as well: what is closed and mildest gives way, and says it.
        quiet.finds("search", Severity.CRITICAL)
        quiet.await_objects("search", 1)
        crowd.await_condition("gives", "Detecting", Reason.ANOMALIES_REMOVED_EARLY)
        gone = log.requests(resource="anomalies", verb="delete")
        assert [(one.namespace, one.name.startswith("gives-")) for one in gone] == [
            (crowd.name, True)
        ]
        assert {name: len(crowd.of(name)) for name in ("old-1", "old-2", "busy-0", "busy-3")} == {
            "old-1": 36,
            "old-2": 36,
            "busy-0": 1,
            "busy-3": 1,
        }
        assert len(quiet.objects()) == SHARE + 1


def _hide_two(crowd: Team, other: Team) -> None:
    """The editor takes two closed objects out of the count: one without its owner, one with the
    uid of a neighbour's service. Neither makes room in the neighbour's share, nor takes any."""
    disowned, relabelled = (one["metadata"]["name"] for one in crowd.of("old-1")[:2])
    crowd.editor.patch("anomaly", disowned, {"metadata": {"ownerReferences": None}})
    uid = other.get("payments")["metadata"]["uid"]
    labels = {names.LABEL_SERVICE_UID: uid}
    crowd.editor.patch("anomaly", relabelled, {"metadata": {"labels": labels}})
