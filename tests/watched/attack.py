"""One editor does at once, and keeps up, all that might take something from another namespace.

What RBAC lets an editor do is done as the editor, impersonated. The rest is the administrator's:
the ResourceQuota, which somebody has set for a reason of their own; `status.detection`, which any
pod under the runner account can write; and statuses under another field manager, as a backup tool
leaves them.

It says nothing of outcomes. So that a test does not pass because nothing was attacked, the attack
begins only when its services have taken all Anomaly objects that they can get, and the test asks
that `unable` and `idle` are empty.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_sandbox.rest import ApiError
from watched.attack_objects import (
    idle_service,
    large_config_map,
    large_service,
    suspended_training,
)
from watched.detections import STEP, Found, report
from watched.editor import Editor
from watched.quota import full_quota

MAX_ANOMALIES = 100
"""`anomalies.maxPerCluster` for the operator under attack, the least that it takes."""
HELD = 8
"""Of the ten places of `training.maxConcurrent`, those that one namespace gets."""
JOBS = 10
STARVED = 12
RESTLESS = 3
"""Services that ask for trainings in a loop; each change of an object is a conflict for whoever
writes its status, so the starved ones are left alone."""
LOUD = 80
"""Services with an incident, more than one namespace gets objects for."""
FOREIGN = "velero"
REVISION = "20261123-020000-abcdef"
MISSES = frozenset({404, 409, 429})
"""Answers that a loop expects: objects come and go under it, and the server may be busy."""

SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
watchNamespaces: {namespaces}
anomalies: {{maxPerCluster: {anomalies}}}
"""

Json = dict[str, Any]
Step = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Size:
    """`config_maps` of 1 MB and `services` with 250 KB of annotations. `pause`: seconds between two
    edits of one loop; `large_pause`: between two of a large object, each of which is written to
    etcd and sent to the operator as a whole."""

    config_maps: int = 20
    services: int = 20
    pause: float = 0.05
    large_pause: float = 1.0


def settings(image: str, *namespaces: str) -> str:
    """Of the operator under attack, which watches `namespaces`."""
    return SETTINGS.format(image=image, namespaces=list(namespaces), anomalies=MAX_ANOMALIES)


@dataclass
class Attack:
    """Of `editor` on the service `victim` (its uid). `others`: namespaces with services beside the
    attacker's."""

    editor: Editor
    victim: str
    others: int
    size: Size = field(default_factory=Size)
    edits: Counter[str] = field(default_factory=Counter)
    unable: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._admin = self.editor.cluster
        self._api = self.editor.api()
        self._stop = threading.Event()
        self._anomalies: list[str] = []

    @contextmanager
    def running(self) -> Iterator[Attack]:
        """Sets up what is attacked with, then edits in loops until the end of the block."""
        self._set_up()
        loops = [threading.Thread(target=self._loop, args=one) for one in self._loops()]
        for loop in loops:
            loop.start()
        try:
            yield self
        finally:
            self._stop.set()
            for loop in loops:
                loop.join()
            self._api.close()

    def idle(self) -> list[str]:
        """Loops that have not succeeded once."""
        return [name for name, *_ in self._loops() if not self.edits[name]]

    def _trainings(self) -> int:
        jobs = self._admin.list("jobs", self.editor.namespace, labels=f"{names.LABEL_WATCHED}=true")
        return sum(not one["spec"].get("suspend") for one in jobs)

    def _full(self) -> bool:
        self._anomalies = [
            one["metadata"]["name"] for one in self._admin.list("anomalies", self.editor.namespace)
        ]
        reserved = MAX_ANOMALIES // (2 * (self.others + 1)) * self.others
        return len(self._anomalies) >= MAX_ANOMALIES - reserved

    def _set_up(self) -> None:
        full_quota(self._admin, self.editor.namespace, "full", "pods")
        made = (*_named("starved", STARVED), *_named("restless", RESTLESS))
        self._create("asvc", map(idle_service, made))
        wait = self._admin.wait_for
        # Before the Jobs of its own making, which count against the attacker alone.
        wait(lambda: self._trainings() >= HELD, 240, "trainings of the attacker")
        # Suspended ones keep what was detected, and need no training.
        self._create("asvc", (idle_service(name, suspend=True) for name in _named("loud", LOUD)))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._detect, _named("loud", LOUD)))
        owners = _named("loud", JOBS)
        self._create("jobs", (suspended_training(one, self._uid(one), "mine") for one in owners))
        self._create("configmaps", map(large_config_map, range(self.size.config_maps)))
        self._create("asvc", map(large_service, range(self.size.services)))
        wait(self._full, 400, "all Anomaly objects that the attacker can get")

    def _create(self, kind: str, objects: Iterable[Json]) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: self._api.create(kind, one, self.editor.namespace), objects))

    def _loops(self) -> Iterator[tuple[str, Step, float]]:
        pause = self.size.pause
        yield "train-requested-at", self._request_training, pause
        yield "suspended Jobs", self._replace_job, pause
        yield "shared account", self._edit_account, pause
        yield "Anomaly objects", self._claim_anomaly, pause
        yield "managedFields", self._edit_managed_fields, pause
        yield "foreign status", self._restore_status, pause
        yield "detections", self._detect_again, pause
        yield "large ConfigMaps", self._edit_config_map, self.size.large_pause
        yield "large services", self._edit_service, self.size.large_pause

    def _loop(self, name: str, step: Step, pause: float) -> None:
        for number in itertools.count():
            try:
                step(number)
            except ApiError as error:
                if error.status not in MISSES:
                    self.unable[name] = str(error)
            except OSError:
                pass  # the server is busy; the next edit comes
            else:
                self.edits[name] += 1
            if self._stop.wait(pause):
                return

    def _patch(self, kind: str, name: str, metadata: Json) -> None:
        self._api.patch(kind, name, self.editor.namespace, {"metadata": metadata})

    def _request_training(self, number: int) -> None:
        asked = {names.ANNOTATION_TRAIN_REQUESTED: _moment(number)}
        self._patch("asvc", f"restless-{number % RESTLESS}", {"annotations": asked})

    def _replace_job(self, number: int) -> None:
        owner = f"loud-{number % JOBS}"
        job = suspended_training(owner, self._uid(owner), "mine")
        self._api.delete("jobs", job["metadata"]["name"], self.editor.namespace)
        self._api.create("jobs", job, self.editor.namespace)

    def _edit_account(self, number: int) -> None:
        self._patch("serviceaccounts", names.RUNNER, {"labels": {names.LABEL_COMPONENT: "mine"}})

    def _claim_anomaly(self, number: int) -> None:
        """In turn the label, the owner, and no owner. What an unknown owner has is collected."""
        chosen = self._anomalies[number % len(self._anomalies)]
        owner = {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "name": "checkout",
            "uid": self.victim,
        }
        changes: list[Json] = [
            {"labels": {names.LABEL_SERVICE_UID: self.victim}},
            {"ownerReferences": [owner]},
            {"ownerReferences": []},
        ]
        self._patch("anomalies", chosen, changes[number % len(changes)])

    def _edit_managed_fields(self, number: int) -> None:
        self._patch("asvc", f"loud-{number % LOUD}", {"managedFields": [{}]})

    def _restore_status(self, number: int) -> None:
        """An old condition under the manager of a backup tool, beside the live ones."""
        name = f"loud-{number % LOUD}"
        old = {
            "type": "Old",
            "status": "True",
            "reason": "Restored",
            "message": f"restored for the {number}th time",
            "lastTransitionTime": _moment(0),
        }
        self._apply_status(name, {"conditions": [old]}, FOREIGN)

    def _apply_status(self, name: str, status: Json, manager: str) -> None:
        space = self.editor.namespace
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": name, "namespace": space},
            "status": status,
        }
        self._admin.api.request(
            "PATCH",
            self._admin.api.resource("asvc").path(space, name, "status"),
            body,
            query={"fieldManager": manager, "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    def _detect(self, name: str, message: str = "") -> None:
        end = int(time.time()) // STEP * STEP
        document = Found(end).detection(REVISION, end)
        document["run"] = {**document["run"], "message": message}
        report(self._admin, self.editor.namespace, name, document)

    def _detect_again(self, number: int) -> None:
        self._detect(f"loud-{number % LOUD}", f"run {number}")

    def _edit_config_map(self, number: int) -> None:
        name = f"large-{number % max(self.size.config_maps, 1)}"
        self._patch("configmaps", name, {"annotations": {"edited": str(number)}})

    def _edit_service(self, number: int) -> None:
        name = f"loaded-{number % max(self.size.services, 1)}"
        self._patch("asvc", name, {"annotations": {"edited": str(number)}})

    def _uid(self, service: str) -> str:
        found = self._admin.get("asvc", service, self.editor.namespace)
        assert found is not None, service
        return str(found["metadata"]["uid"])


def _named(stem: str, count: int) -> list[str]:
    return [f"{stem}-{number}" for number in range(count)]


def _moment(number: int) -> str:
    """A time of the past that no other number has."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_763_800_000 + number))
