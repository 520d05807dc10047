"""Brings to the cluster what a person says of an incident, under that person's own credentials.

Between reading and writing somebody else may speak, so the write names the version that was read;
the operator writes to the same object, so a conflict is tried again on what is there then.
"""

from __future__ import annotations

from collections.abc import Callable

from anomaly_cli.cluster_objects import Incident
from anomaly_cli.cluster_reading import incident, part, text
from anomaly_cli.statements import Saying
from anomaly_operator.api import names
from anomaly_operator.api.errors import ConflictError, NotFoundError
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.transport import Transport

_TRIES = 4


async def say(
    transport: Transport, namespace: str, name: str, saying: Callable[[Incident], Saying]
) -> str:
    """The sentence about what was said. Raises ApiError, and what `saying` raises."""
    kube, tries = Kube(transport), 0
    while True:
        raw = await kube.get(ANOMALY, namespace, name)
        if raw is None:
            raise NotFoundError(404, f"there is no incident {name} any more", "get anomalies")
        said = saying(incident(raw))
        if not said.spec:
            return said.told
        version = text(part(raw, "metadata"), "resourceVersion")
        patch = {"metadata": {"resourceVersion": version}, "spec": said.spec}
        tries += 1
        try:
            await kube.merge(ANOMALY, namespace, name, patch, manager=names.DASHBOARD_FIELD_MANAGER)
        except ConflictError:
            if tries == _TRIES:
                raise
            continue
        return said.told
