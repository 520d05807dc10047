"""A table of attempts to have an Anomaly object taken for one of another service.

What an editor of another namespace may do by RBAC is done as the editor, the rest as the
administrator. After each attempt the service trains once more: its incidents, what is kept of them
and what training leaves out are as before.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from detector_runtime.contract.vocabulary import Severity
from loopback.trainer import quick_trainer
from watched.detections import STEP, UNSCORED, Found, report
from watched.editor import Editor, make_editor
from watched.namespace import Watched, condition, namespace

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
watchNamespaces: [{namespaces}]
training: {{minPause: 0s}}
"""
APART = 6 * 3600
"""More than the separation of `UNSCORED`: each window is an incident of its own."""
FINGERPRINT = "9f2c1a7be01d"
BY_TRAINING = frozenset({"lastHandledTrainRequest", "workingState", "training"})
"""Fields of a status that each training writes anew."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Foreign:
    """An Anomaly object that claims to be an incident of the service `checkout` in `shop`. `where`:
    its namespace. `ref`: the service that it names. `named`: the one that its name is made from.
    """

    where: str = "other"
    ref: str = "checkout"
    named: str = "checkout"
    label: bool = True
    owner: bool = True


ATTEMPTS = {
    "label, in another namespace": Foreign(owner=False),
    "owner, in another namespace": Foreign(label=False),
    "label and owner, in another namespace": Foreign(),
    "label and owner, under a name of its own": Foreign(where="shop", named=""),
    "label, under a name of its own": Foreign(where="shop", named="", owner=False),
    "the name, for another service": Foreign(where="shop", ref="payments"),
    "label and owner, of another service": Foreign(where="shop", ref="payments", named="payments"),
    "the name alone": Foreign(where="shop", label=False, owner=False),
}


class Stage:
    """Two watched namespaces: `shop`, with the service that is attempted upon, and `other`, with
    the service `mine` and the editor who attempts."""

    def __init__(self, shop: Watched, other: Watched, editor: Editor) -> None:
        self.shop, self.other, self.editor = shop, other, editor
        self.cluster = shop.cluster
        self.made = 0
        self.moment = int(time.time()) // STEP * STEP - 5 * STEP

    def finds(self, where: Watched, name: str, count: int) -> None:
        """`count` incidents of which the last one runs; their objects are there."""
        found = Found(self.moment, count, Severity.HIGH, apart=APART)
        report(self.cluster, where.name, name, found.detection(where.revision(name), found.last))
        where.wait(lambda: len(_told(where.anomalies(name))) == count, 90, f"incidents of {name}")

    def train(self) -> None:
        """`checkout` trains at somebody's request, to the end."""
        self.made += 1
        request = f"request-{self.made}"
        annotations = {names.ANNOTATION_TRAIN_REQUESTED: request}
        change = {"metadata": {"annotations": annotations}}
        self.cluster.api.patch("asvc", "checkout", self.shop.name, change)

        def done() -> bool:
            status = self.shop.status("checkout")
            book = status.get("training", {})
            return status.get("lastHandledTrainRequest") == request and not book.get("running")

        self.shop.wait(done, 120, f"checkout trains for {request}")

    def noticed(self, where: Watched, service: str) -> None:
        """The operator has heard of all that was done to Anomaly objects of the namespace: it
        answers what a person said of one after that."""
        self.made += 1
        real = [one for one in where.anomalies(service) if _real(one)]
        name = real[-1]["metadata"]["name"]
        marker = f"marker-{self.made}"
        said = {"spec": {"acknowledgement": {"by": marker}}}
        self.cluster.api.patch("anomalies", name, where.name, said)

        def answered() -> bool:
            found = self.cluster.get("anomalies", name, where.name) or {}
            return marker in condition(found.get("status", {}), "Acknowledged").message

        where.wait(answered, 60, f"{marker} is answered")

    def seen(self) -> Json:
        """What the service has: its status, its objects and the RunConfig of its trainings."""
        status = self.shop.status("checkout")
        kept = {key: status[key] for key in status.keys() - BY_TRAINING}
        del kept["references"]["trainingJob"]
        configs = self.cluster.list("configmaps", self.shop.name)
        return {
            "status": kept,
            "objects": [one for one in self.shop.anomalies("checkout") if _real(one)],
            "configs": sorted(
                one["metadata"]["name"]
                for one in configs
                if one["metadata"]["name"].startswith("checkout-run-")
            ),
        }


def _told(found: list[Json]) -> list[Json]:
    return [one for one in found if one.get("status")]


def _real(anomaly: Json) -> bool:
    return bool(anomaly["spec"]["fingerprint"] != FINGERPRINT)


def service(name: str, **incidents: Any) -> Json:
    told = {**UNSCORED["incidents"], "confirmationCycles": 1, **incidents}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {**UNSCORED, "incidents": told, "suspend": name != "checkout"},
    }


@pytest.fixture(scope="module")
def stage(crds: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """`checkout` keeps one closed incident and has one that runs; both are out of its training."""
    folder = tmp_path_factory.mktemp("attempts")
    with namespace(crds, "shop") as shop, namespace(crds, "other") as other:
        shop.apply(service("checkout", maxKept=1), service("payments"))
        other.apply(service("mine"))
        image = quick_trainer(crds, folder)
        settings = SETTINGS.format(image=image, namespaces=f"{shop.name}, {other.name}")
        where = ("--namespace", shop.name, "--no-leader-elect")
        with LocalOperator(folder / "operator", crds.kubeconfig, settings, *where) as operator:
            operator.wait_until_leading()
            found = Stage(shop, other, make_editor(crds, other.name))
            shop.wait(lambda: shop.serves("checkout"), 120, "checkout is trained")
            found.finds(shop, "checkout", 2)
            found.finds(shop, "payments", 1)
            found.finds(other, "mine", 4)
            found.train()
            yield found


@pytest.fixture
def before(stage: Stage) -> Json:
    seen = stage.seen()
    assert sorted(one["status"]["state"] for one in seen["objects"]) == ["Closed", "Open"]
    configs = (stage.cluster.get("configmaps", name, stage.shop.name) for name in seen["configs"])
    texts = [text for one in configs if one for text in one["data"].values()]
    trainings = [json.loads(text)["training"] for text in texts]
    assert [len(one["incidents"]) for one in trainings if one["incidents"]] == [2]
    return seen


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=list(ATTEMPTS))
def test_an_object_of_others_is_no_incident_of_the_service(
    stage: Stage, before: Json, attempt: Foreign
) -> None:
    stage.made += 1
    where = stage.shop if attempt.where == "shop" else stage.other
    uid = stage.shop.get("checkout")["metadata"]["uid"]
    first_seen = stage.moment - 3600 - stage.made * STEP
    name = names.anomaly_name(attempt.named, FINGERPRINT, first_seen) if attempt.named else "mine"
    owner = {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "name": "checkout"}
    metadata: Json = {"name": name}
    if attempt.label:
        metadata["labels"] = {names.LABEL_SERVICE_UID: uid}
    if attempt.owner:
        metadata["ownerReferences"] = [{**owner, "uid": uid}]
    document = {
        "apiVersion": names.API_VERSION,
        "kind": "Anomaly",
        "metadata": metadata,
        "spec": {
            "serviceRef": {"name": attempt.ref},
            "openingPattern": "metric_latency",
            "fingerprint": FINGERPRINT,
            "firstSeen": to_text(first_seen),
        },
    }
    if where is stage.other:
        assert _forbidden(stage.editor.kubectl("create", "-f", "-", document=document, check=False))
    stage.cluster.api.create("anomalies", document, where.name)
    try:
        _closed(stage, where, name)
        stage.noticed(where, "mine" if where is stage.other else "payments")
        stage.train()
        assert stage.seen() == before
    finally:
        stage.cluster.api.delete("anomalies", name, where.name)


def _closed(stage: Stage, where: Watched, name: str) -> None:
    """Later than any incident of the service: it would be the one to keep."""
    now = int(time.time())
    status = {
        "state": "Closed",
        "severity": "Critical",
        "confirmedAt": to_text(now),
        "lastSeen": to_text(now),
        "closedAt": to_text(now),
    }
    path = stage.cluster.api.resource("anomalies").path(where.name, name, "status")
    merge = "application/merge-patch+json"
    stage.cluster.api.request("PATCH", path, {"status": status}, content_type=merge)


@pytest.mark.parametrize("marks", ["label", "owner", "label and owner"])
def test_an_editor_gives_an_own_object_to_the_service_of_another_namespace(
    stage: Stage, before: Json, marks: str
) -> None:
    uid = stage.shop.get("checkout")["metadata"]["uid"]
    owner = {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "name": "checkout"}
    metadata: Mapping[str, Any] = {
        **({"labels": {names.LABEL_SERVICE_UID: uid}} if "label" in marks else {}),
        **({"ownerReferences": [{**owner, "uid": uid}]} if "owner" in marks else {}),
    }
    closed = [one for one in stage.other.anomalies("mine") if one["status"]["state"] == "Closed"]
    stage.editor.patch("anomaly", closed[0]["metadata"]["name"], {"metadata": metadata})
    stage.noticed(stage.other, "mine")
    stage.train()
    assert stage.seen() == before


def test_an_editor_has_no_hand_on_objects_of_another_namespace(stage: Stage, before: Json) -> None:
    name = before["objects"][0]["metadata"]["name"]
    there = ("-n", stage.shop.name, f"--as={stage.editor.name}", "--as-group=system:authenticated")
    for verb in (("patch", "--type=merge", "-p", '{"metadata":{"labels":null}}'), ("delete",)):
        assert _forbidden(stage.cluster.kubectl(verb[0], "anomaly", name, *verb[1:], *there))
    assert stage.seen() == before


def _forbidden(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode != 0 and "is forbidden" in done.stderr
