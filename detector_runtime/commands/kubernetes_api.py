"""A pod's calls to the API server: read its own service, apply its detection, and, for a training
run, look at the workload that trains.

On `http.client`, because a client library costs more than all the rest of a run. The token is
read at each call (it rotates). A service that is gone or was made anew ends the run without an
error, since nobody is left to tell.
"""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from detector_runtime.contract.record import shown_detection
from detector_runtime.contract.run_config import ServiceIdentity
from detector_runtime.contract.vocabulary import API_GROUP, API_VERSION, DETECTION_FIELD_MANAGER
from detector_runtime.errors import (
    ApiRefusedError,
    ApiUnavailableError,
    ConfigInvalidError,
    ServiceGoneError,
    one_line,
)
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    Request,
    exchange,
    with_retries,
)
from detector_runtime.run_log.objects import Found, found_object

READ_TIMEOUT = 10.0
MAX_OBJECT_BYTES = 4 * 1024 * 1024
DEADLINE = 45.0
"""Seconds for all tries of one call together."""


class ChangedMeanwhileError(Exception):
    """The object was written by somebody else since it was read."""


@dataclass(frozen=True, slots=True)
class LiveService:
    """What a run needs of the object: `.status.detection`, `.status.dependencies` and
    `.status.trainingRun` as they stand."""

    resource_version: str
    detection: dict[str, Any] | None
    dependencies: dict[str, Any] | None = None
    training_run: dict[str, Any] | None = None


class KubernetesAPI:
    """Speaks for one AnomalyService. `identity`: folder with `token` and `ca.crt`."""

    def __init__(self, host: str, port: int, identity: Path, service: ServiceIdentity) -> None:
        self._identity = identity
        self._service = service
        self._path = (
            f"/apis/{API_GROUP}/{API_VERSION}/namespaces/{service.namespace}"
            f"/anomalyservices/{service.name}"
        )
        self._name = f"AnomalyService {service.namespace}/{service.name}"
        try:
            context = ssl.create_default_context(cafile=str(identity / "ca.crt"))
        except OSError as error:
            raise ConfigInvalidError(f"{identity / 'ca.crt'}: no usable certificate") from error
        self._connection = HTTPSConnection(host, port, context=context)

    def read(self) -> LiveService:
        """The object as it stands; ServiceGoneError when it is another one or none."""
        document = self._call("GET", self._path, None)
        metadata = document.get("metadata") or {}
        if metadata.get("uid") != self._service.uid:
            raise ServiceGoneError(f"{self._name} was made anew with another uid")
        status = document.get("status") or {}
        return LiveService(
            resource_version=str(metadata.get("resourceVersion", "")),
            detection=_part(status, "detection"),
            dependencies=_part(status, "dependencies"),
            training_run=_part(status, "trainingRun"),
        )

    def apply(
        self,
        detection: dict[str, Any],
        resource_version: str,
        training_run: dict[str, Any] | None = None,
    ) -> None:
        """Apply `.status.detection` and `.status.trainingRun`; ChangedMeanwhileError when the
        object has moved on. Without `training_run` the service no longer has one: what a field
        manager leaves out is removed."""
        status = {"detection": shown_detection(detection)}
        if training_run is not None:
            status["trainingRun"] = training_run
        document = {
            "apiVersion": f"{API_GROUP}/{API_VERSION}",
            "kind": "AnomalyService",
            "metadata": {
                "name": self._service.name,
                "namespace": self._service.namespace,
                "uid": self._service.uid,
                "resourceVersion": resource_version,
            },
            "status": status,
        }
        target = f"{self._path}/status?fieldManager={DETECTION_FIELD_MANAGER}&force=true"
        self._call("PATCH", target, json.dumps(document, separators=(",", ":")).encode())

    def get(self, group_version: str, resource: str, name: str) -> Found:
        """One object of the service's own namespace. ApiUnavailableError without an answer."""
        target = (
            f"/apis/{group_version}/namespaces/{self._service.namespace}/{resource}"
            f"/{quote(name, safe='')}"
        )
        reply = self._exchange("GET", target, None)
        return found_object(reply, f"{resource}.{group_version.partition('/')[0]} {name!r}")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _call(self, method: str, target: str, body: bytes | None) -> dict[str, Any]:
        reply = self._exchange(method, target, body)
        if reply.status == 200:
            return _object(reply)
        raise self._refusal(method, reply)

    def _exchange(self, method: str, target: str, body: bytes | None) -> Reply:
        limits = Limits(READ_TIMEOUT, time.monotonic() + DEADLINE, MAX_OBJECT_BYTES)
        try:
            return with_retries(
                lambda: exchange(self._connection, self._request(method, target, body), limits),
                limits.deadline,
            )
        except ExchangeFailedError as error:
            raise ApiUnavailableError(f"API server: {error}") from error
        except BodyTooLargeError as error:
            raise ApiUnavailableError("API server: the answer is larger than an object") from error

    def _request(self, method: str, target: str, body: bytes | None) -> Request:
        try:
            token = (self._identity / "token").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigInvalidError(f"{self._identity / 'token'}: no usable token") from error
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        return Request(method, target, headers, body)

    def _refusal(self, method: str, reply: Reply) -> Exception:
        said = _message(reply)
        if reply.status == 404:
            return ServiceGoneError(f"{self._name} is gone")
        if reply.status == 409:
            return ChangedMeanwhileError(said)
        if reply.passing:
            return ApiUnavailableError(f"API server answers {reply.status}: {said}")
        return ApiRefusedError(f"{method} {self._name}: {reply.status} {said}")


def _part(status: dict[str, Any], name: str) -> dict[str, Any] | None:
    found = status.get(name)
    return found if isinstance(found, dict) else None


def _object(reply: Reply) -> dict[str, Any]:
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise ApiUnavailableError("API server: the answer is not JSON") from error
    if not isinstance(document, dict):
        raise ApiUnavailableError("API server: the answer is no object")
    return document


def _message(reply: Reply) -> str:
    try:
        said = json.loads(reply.body).get("message")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return one_line(said, 240) if isinstance(said, str) else ""
