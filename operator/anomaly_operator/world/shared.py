"""What the services of a namespace share, and what is looked at to remove it again.

The objects have no owner: an owner a service would make them grow with the namespace, and each
service that comes or goes would write them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anomaly_operator.api import names, resources
from anomaly_operator.world.objects import Child
from anomaly_operator.world.plan import Lookup
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.view import Answer

NAMESPACE = "Namespace"
"""Kind of the key under which a namespace is looked at; the object itself is never read."""
SHARED = (
    (resources.ROLE_BINDING.kind, names.RUNNER),
    (resources.ROLE.kind, names.RUNNER),
    (resources.SERVICE_ACCOUNT.kind, names.RUNNER),
    (resources.CLAIM.kind, names.MODELS_CLAIM),
)
"""Kind and name, in the order of removal: the claim last, as nothing can make it again."""


def namespace_key(namespace: str) -> tuple[str, str, str]:
    return (NAMESPACE, namespace, "")


@dataclass(frozen=True, slots=True)
class NamespaceView:
    """A namespace in which the cache knows no service. `shared`: what is left there under the names
    of `SHARED`, in that order. `emptied`: unix seconds since when no service has been known, None
    where the API server could not tell when it was last asked.
    """

    namespace: str
    shared: tuple[Child, ...]
    emptied: float | None
    lookups: Mapping[Lookup, Answer] = field(default_factory=dict)
    withheld: Withheld = field(default_factory=Withheld)
