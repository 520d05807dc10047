"""Reads and suspends a training workload, under an account that may do nothing else.

The patch names the uid and the resourceVersion that it was decided on, and marks the workload with
the incident. Nothing is ever resumed or deleted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.errors import (
    ApiError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    OperatorError,
)
from anomaly_operator.client.kube import Kube
from anomaly_operator.world.plan import ReadTrainer, Suspend
from anomaly_operator.world.trainer import TrainerObject, UnknownTrainer
from anomaly_operator.world.view import Answer

_LASTING = (ForbiddenError, InvalidError, NotFoundError)
_ENDED = frozenset({"Complete", "Failed"})


class Suspender:
    """`kube` is logged in as the account."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def read(self, lookup: ReadTrainer) -> Answer:
        """The answer; None where there is no such object. Raises nothing of the API: an incident
        does not wait for its reaction."""
        resource = resources.of(lookup.api_version, lookup.kind)
        try:
            raw = await self._kube.get(resource, lookup.namespace, lookup.name)
        except ApiError as error:
            return UnknownTrainer(error.said, passing=not isinstance(error, _LASTING))
        except OperatorError as error:
            return UnknownTrainer(str(error), passing=True)
        return None if raw is None else trainer_object(raw, lookup)

    async def suspend(self, action: Suspend) -> None:
        """Raises ApiError, a ConflictError where the object has moved on."""
        target = action.target
        patch = {
            "metadata": {
                "uid": target.uid,
                "resourceVersion": action.resource_version,
                "annotations": {names.ANNOTATION_SUSPENDED_FOR: action.anomaly},
            },
            "spec": {"suspend": True},
        }
        resource = resources.of(target.api_version, target.kind)
        await self._kube.merge(
            resource,
            target.namespace,
            target.name,
            patch,
            manager=names.SUSPENDER_FIELD_MANAGER,
        )


def trainer_object(raw: Mapping[str, Any], lookup: ReadTrainer) -> TrainerObject:
    """From the raw object. Odd fields count as not set."""
    metadata, spec = _mapping(raw.get("metadata")), _mapping(raw.get("spec"))
    annotations = _mapping(metadata.get("annotations"))
    listed = _mapping(raw.get("status")).get("conditions")
    conditions = [one for one in listed if isinstance(one, Mapping)] if listed else []
    return TrainerObject(
        kind=lookup.kind,
        name=lookup.name,
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        allowed=annotations.get(names.ANNOTATION_SUSPEND_ON) == names.SUSPEND_ON_CRITICAL,
        suspended=spec.get("suspend") is True,
        suspended_for=str(annotations.get(names.ANNOTATION_SUSPENDED_FOR, "")),
        ended=any(one.get("type") in _ENDED and one.get("status") == "True" for one in conditions),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
