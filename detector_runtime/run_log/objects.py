"""One object of the API server as a training run looks at it: its document, or why there is none.

A kind that the cluster does not serve, an object that does not exist and a right that is missing
are answers and no failures: what they mean is the caller's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from detector_runtime.errors import ApiRefusedError, ApiUnavailableError, one_line
from detector_runtime.http_exchange import Reply


class Absent(StrEnum):
    """Why there is no document."""

    OBJECT = "the object does not exist"
    KIND = "the cluster does not serve this kind"
    RIGHT = "the pod may not read it"


@dataclass(frozen=True, slots=True)
class Found:
    """`absent` None: `document` is the object."""

    document: Mapping[str, Any] = field(default_factory=dict)
    absent: Absent | None = None

    @property
    def status(self) -> Mapping[str, Any]:
        """`.status`, empty where there is none."""
        status = self.document.get("status")
        return status if isinstance(status, Mapping) else {}


class ObjectReader(Protocol):
    """Reads objects of one namespace with the pod's own token."""

    def get(self, group_version: str, resource: str, name: str) -> Found:
        """`resource` is the plural: `jobs` of `batch/v1`. ApiUnavailableError without an answer."""
        ...


def found_object(reply: Reply, what: str) -> Found:
    """What the API server's `reply` to a GET says; `what` names the object in errors."""
    document = _document(reply.body)
    if reply.status == 200 and document:
        return Found(document)
    if reply.status == 403:
        return Found(absent=Absent.RIGHT)
    if reply.status == 404:
        # For a kind that is not served there is no Status object, or one without the name.
        details = document.get("details")
        named = isinstance(details, Mapping) and bool(details.get("name"))
        return Found(absent=Absent.OBJECT if named else Absent.KIND)
    said = one_line(str(document.get("message", "")), 240)
    if reply.passing or reply.status == 200:
        raise ApiUnavailableError(f"API server answers {reply.status} for {what}: {said}")
    raise ApiRefusedError(f"GET {what}: {reply.status} {said}")


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
