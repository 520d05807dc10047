"""One AnomalyService behind the two calls that a scoring pod makes, as strict as the real server.

The same calls run against a real API server in the control-plane tests; this one answers 409, 429
and 500 on cue and counts what it was asked.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from detector_runtime.contract.record import whole_detection
from loopback.server import Answer, Asked, LoopbackServer


class FakeAPIServer(LoopbackServer):
    """`service`: the object, or None when it is gone. `script`: answers to give first."""

    def __init__(self, uid: str, certificate: tuple[Path, Path]) -> None:
        self.service: dict[str, Any] | None = {
            "metadata": {"name": "checkout", "namespace": "shop", "uid": uid,
                         "resourceVersion": "1"},
            "status": {},
        }  # fmt: skip
        self.script: list[Answer] = []
        self.before_apply: list[Any] = []
        self.after_apply: list[Any] = []
        super().__init__(self._respond, certificate)

    @property
    def applied(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "PATCH"]

    @property
    def detection(self) -> dict[str, Any]:
        assert self.service is not None
        found = self.service["status"].get("detection", {})
        assert isinstance(found, dict)
        return whole_detection(found)

    def put(self, detection: dict[str, Any] | None) -> None:
        """Change the object as somebody else; without a detection it is as before its first run."""
        assert self.service is not None
        self.service["status"].pop("detection", None)
        if detection is not None:
            self.service["status"]["detection"] = copy.deepcopy(detection)
        self._bump()

    def _bump(self) -> None:
        assert self.service is not None
        version = int(self.service["metadata"]["resourceVersion"])
        self.service["metadata"]["resourceVersion"] = str(version + 1)

    def _respond(self, asked: Asked) -> Answer:
        if self.script:
            return self.script.pop(0)
        if asked.headers.get("authorization") != "Bearer pod-token":
            return _status(401, "Unauthorized")
        if self.service is None:
            return _status(404, 'anomalyservices "checkout" not found')
        path = "/apis/anomaly-operator.dev/v1alpha1/namespaces/shop/anomalyservices/checkout"
        if asked.method == "GET" and asked.path == path:
            return Answer(200, json.dumps(self.service).encode())
        where, _, query = asked.path.partition("?")
        wanted = {"fieldManager": "anomaly-runtime", "force": "true"}
        given = {key: value.lower() for key, value in parse_qsl(query)}
        if asked.method != "PATCH" or where != f"{path}/status" or given != wanted:
            return _status(405, "method not allowed")
        return self._apply(asked)

    def _apply(self, asked: Asked) -> Answer:
        assert self.service is not None
        if asked.headers.get("content-type") != "application/apply-patch+yaml":
            return _status(415, "unsupported media type")
        if self.before_apply:
            self.before_apply.pop(0)()
        document = json.loads(asked.body)
        metadata = self.service["metadata"]
        for key in ("uid", "resourceVersion"):
            if document["metadata"][key] != metadata[key]:
                return _status(409, f"the object has been modified: {key}")
        given = document["status"]
        if "detection" not in given or not given.keys() <= {"detection", "trainingRun"}:
            return _status(422, "only status.detection and status.trainingRun")
        # As the real one: what this field manager owned and leaves out is gone.
        self.service["status"].pop("trainingRun", None)
        self.service["status"] |= given
        self._bump()
        if self.after_apply:
            self.after_apply.pop(0)()
        return Answer(200, json.dumps(self.service).encode())


def _status(code: int, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "code": code, "message": message}
    return Answer(code, json.dumps(body).encode())
