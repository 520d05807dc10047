"""What one caller may see of the store; pages are given this and never the store.

An object that the caller may not see and one that does not exist are the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_dashboard.watched.contact import Lost
from anomaly_dashboard.watched.rows import IncidentRow, Place, PolicyRow, ServiceRow
from anomaly_dashboard.watched.store import Changed, Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Namespaces whose objects of a kind may be seen: all of them, or these."""

    everywhere: bool = False
    namespaces: frozenset[str] = frozenset()

    def __contains__(self, namespace: str) -> bool:
        return self.everywhere or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class Scopes:
    """Per kind. Equal ones see the same, so that what is rendered for one serves the other."""

    services: Scope = Scope()
    incidents: Scope = Scope()
    policies: Scope = Scope()


EVERYTHING = Scopes(Scope(everywhere=True), Scope(everywhere=True), Scope(everywhere=True))


class Sight:
    """The store through the eyes of one caller."""

    def __init__(self, store: Store, scopes: Scopes) -> None:
        self._store = store
        self.scopes = scopes

    @property
    def version(self) -> int:
        """Grows with each change of the store, seen or not."""
        return self._store.version

    @property
    def synced(self) -> bool:
        """Whether everything was listed once; before that, what is absent is not known."""
        return self._store.synced

    @property
    def out_of_touch(self) -> Lost | None:
        """Since when what is seen may be old; None while every change is heard of."""
        return self._store.out_of_touch

    def services(self) -> tuple[ServiceRow, ...]:
        scope = self.scopes.services
        return tuple(row for row in self._store.services.rows.values() if row.namespace in scope)

    def incidents(self) -> tuple[IncidentRow, ...]:
        scope = self.scopes.incidents
        return tuple(row for row in self._store.incidents.rows.values() if row.namespace in scope)

    def policies(self) -> tuple[PolicyRow, ...]:
        scope = self.scopes.policies
        return tuple(row for row in self._store.policies.rows.values() if row.namespace in scope)

    def service(self, namespace: str, name: str) -> Raw | None:
        return self._store.services.whole((namespace, name)) if self._serves(namespace) else None

    def service_row(self, place: Place) -> ServiceRow | None:
        return self._store.services.rows.get(place) if self._serves(place[0]) else None

    def incident(self, namespace: str, name: str) -> Raw | None:
        if namespace not in self.scopes.incidents:
            return None
        return self._store.incidents.whole((namespace, name))

    def incident_row(self, place: Place) -> IncidentRow | None:
        if place[0] not in self.scopes.incidents:
            return None
        return self._store.incidents.rows.get(place)

    def policy(self, namespace: str, name: str) -> Raw | None:
        if namespace not in self.scopes.policies:
            return None
        return self._store.policies.whole((namespace, name))

    def sees(self, change: Changed) -> bool:
        """Whether the caller may know of a change."""
        scope = {
            SERVICE: self.scopes.services,
            ANOMALY: self.scopes.incidents,
            POLICY: self.scopes.policies,
        }[change.resource]
        return change.place[0] in scope

    def _serves(self, namespace: str) -> bool:
        return namespace in self.scopes.services
