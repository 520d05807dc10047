"""What one service sees of those that it depends on, in its namespace and, where the admin allows
it, in others: small values, made of what those services' statuses say.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.incidents.cascade.suspect import IncidentRef, ServiceKey, Suspect
from anomaly_operator.spec.service import Dependency, ServiceSpec
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Peer:
    """A live service. `calls`: those that it depends on, without those that the admin does not
    allow. `judged`: its windows are. `suspect`: its running incident, None without one; `root`:
    the incident that this one names as its root.
    """

    key: ServiceKey
    calls: tuple[ServiceKey, ...] = ()
    severity: Severity = Severity.NONE
    judged: bool = False
    suspect: Suspect | None = None
    root: IncidentRef | None = None


def target_of(dependency: Dependency, namespace: str) -> ServiceKey:
    """The service that a service of `namespace` means by an entry of `spec.dependsOn`."""
    return ServiceKey(dependency.namespace or namespace, dependency.name)


def allowed(target: ServiceKey, namespace: str, open_namespaces: frozenset[str]) -> bool:
    """Whether a service of `namespace` may depend on `target`. `open_namespaces`: those whose
    services any namespace may name."""
    return target.namespace == namespace or target.namespace in open_namespaces


def calls_of(
    spec: ServiceSpec | None, namespace: str, open_namespaces: frozenset[str]
) -> tuple[ServiceKey, ...]:
    """Whom a service of `namespace` depends on, as far as the admin allows it."""
    targets = (target_of(one, namespace) for one in (spec.depends_on if spec else ()))
    return tuple(one for one in targets if allowed(one, namespace, open_namespaces))


def local_name(key: ServiceKey, namespace: str) -> str:
    """The service as a reader in `namespace` is told of it: with its namespace if that is
    another."""
    return key.name if key.namespace == namespace else f"{key.namespace}/{key.name}"
