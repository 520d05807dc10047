"""A namespace without services: removes what its services shared, and nothing else.

No finalizer holds a service back for it, so the services are gone before this is decided. It takes
an answer of the API server that there is none: neither the cache nor an error is taken for one.
"""

from __future__ import annotations

from anomaly_operator.api import names
from anomaly_operator.api.resources import CLAIM
from anomaly_operator.settings.values import Settings
from anomaly_operator.world.objects import Child
from anomaly_operator.world.plan import AnyService, Delete, Plan
from anomaly_operator.world.shared import NamespaceView
from anomaly_operator.world.view import Unlisted

GRACE_SECONDS = 30.0
"""Tools that replace a service delete and create it within seconds; its models then stay."""
RECHECK_SECONDS = 60.0
"""While the API server does not serve the kind, or refuses the list."""


def reconcile(world: NamespaceView, now: float, settings: Settings) -> Plan:
    """The plan for one namespace. `now` in unix seconds."""
    left = [child for child in world.shared if _to_remove(child, settings)]
    left = [one for one in left if not world.withheld.holds(one.meta.kind, one.meta.name)]
    if not left:
        return Plan()
    # Not known since when: ask at once, so that the grace begins when the kind is served again.
    remaining = 0 if world.emptied is None else world.emptied + GRACE_SECONDS - now
    if remaining > 0:
        return Plan(requeue_after=remaining)
    question = AnyService(world.namespace)
    if question not in world.lookups:
        return Plan(lookups=(question,))
    answer = world.lookups[question]
    if isinstance(answer, Unlisted):
        return Plan(requeue_after=RECHECK_SECONDS)
    if answer is not False:
        return Plan(requeue_after=GRACE_SECONDS)
    return Plan(actions=tuple(Delete(child.meta.ref) for child in left))


def _to_remove(child: Child, settings: Settings) -> bool:
    """Only what has the mark that we set. The claim stays where the administrator wants it."""
    if child.meta.deleting or child.meta.labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY:
        return False
    return child.meta.kind != CLAIM.kind or not settings.storage.retain
