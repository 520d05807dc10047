"""Which Jobs are trainings of ours that have not ended: they count against the cap.

Whoever may write Jobs may give them any label, owner and name, so a Job counts only by all of
them at once, only in the namespace of the service that it names as its owner, and a service counts
once. What is counted here is decided nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.world.objects import Child, JobState, ServiceObject


class Trainings:
    """Unfinished training Jobs by namespace and owner; the value says whether a Job is not
    suspended."""

    def __init__(self) -> None:
        self._by_owner: defaultdict[tuple[str, str], dict[str, bool]] = defaultdict(dict)

    def add(self, value: object) -> None:
        if isinstance(value, Child) and _unfinished(value):
            for uid in value.meta.owners:
                owner = (value.meta.namespace, uid)
                self._by_owner[owner][value.meta.name] = is_running_training(value)

    def remove(self, value: object) -> None:
        if isinstance(value, Child) and _unfinished(value):
            for uid in value.meta.owners:
                owner = (value.meta.namespace, uid)
                self._by_owner[owner].pop(value.meta.name, None)
                if not self._by_owner[owner]:
                    del self._by_owner[owner]

    def of_services(
        self, service_of_uid: Callable[[str], ServiceObject | None]
    ) -> Iterator[tuple[tuple[str, str, str], bool]]:
        """The key of each service that has such a Job, and whether one is not suspended."""
        for (namespace, uid), jobs in self._by_owner.items():
            service = service_of_uid(uid)
            if service is None or service.meta.namespace != namespace:
                continue
            name = service.meta.name
            ours = [runs for job, runs in jobs.items() if names.names_training(job, name)]
            if ours:
                yield service.meta.key, any(ours)


def is_running_training(value: object) -> bool:
    """A training Job that has not ended, is not being deleted and is not suspended."""
    return isinstance(value, Child) and _unfinished(value) and not _suspended(value)


def lets_go(old: object, new: object) -> bool:
    """Whether a training Job counts for less than before: it ended, was suspended, or belongs to
    others now."""
    if not isinstance(old, Child) or not _unfinished(old):
        return False
    if not isinstance(new, Child) or not _unfinished(new):
        return True
    suspended = _suspended(new) and not _suspended(old)
    return suspended or old.meta.owners != new.meta.owners


def makes_training(manifest: Mapping[str, Any]) -> bool:
    """Whether the object to be created is a training Job."""
    labels = manifest["metadata"].get("labels", {})
    if manifest["kind"] != resources.JOB.kind:
        return False
    return bool(labels.get(names.LABEL_COMPONENT) == Component.TRAINING)


def _unfinished(job: Child) -> bool:
    if not isinstance(job.state, JobState) or job.state.done or job.meta.deleting:
        return False
    return job.meta.labels.get(names.LABEL_COMPONENT) == Component.TRAINING


def _suspended(job: Child) -> bool:
    return isinstance(job.state, JobState) and job.state.suspended
