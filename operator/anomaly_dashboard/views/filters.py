"""What of the fleet a person wants to see, as it stands in the address of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from detector_runtime.contract.vocabulary import Severity

STATES = ("Anomalous", "Degraded", "Learning", "Pending", "Healthy", "Suspended")
"""Of an AnomalyService, what needs eyes first."""
SEVERITIES = tuple(sorted(Severity, key=lambda one: -one.rank))
SORTS = ("severity", "name", "state", "slo", "budget", "scored")
_MAX_TEXT = 200
_MAX_PAGE = 10_000
_MAX_OPTIONS = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty = any. `text`: words that must all occur; `sort` one of SORTS, `down` turns it around;
    `page` from 1; `whole`: what is shown without its usual bound, `heat` or `incidents`."""

    text: str = ""
    namespace: str = ""
    category: str = ""
    owner: str = ""
    severity: str = ""
    state: str = ""
    sort: str = "severity"
    down: bool = False
    page: int = 1
    whole: str = ""

    @property
    def picks(self) -> bool:
        """Whether anything but words was chosen."""
        return any((self.namespace, self.category, self.owner, self.severity, self.state))

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text) or self.picks

    def query(self, **changes: object) -> dict[str, str]:
        """Of the address that shows the same but for `changes`; what is usual is left out."""
        page = changes.pop("page", 1)
        one = replace(self, **changes, page=page)  # type: ignore[arg-type]
        said = {
            "q": one.text,
            "namespace": one.namespace,
            "category": one.category,
            "owner": one.owner,
            "severity": one.severity,
            "state": one.state,
            "sort": "" if one.sort == "severity" else one.sort,
            "down": "1" if one.down else "",
            "page": "" if one.page == 1 else str(one.page),
            "whole": one.whole,
        }
        return {key: value for key, value in said.items() if value}

    def service(self, row: ServiceRow, owners: Iterable[str] = ()) -> bool:
        """Whether a service is wanted; `owners`: who owns its incidents."""
        return (
            self.namespace in {"", row.namespace}
            and self.category in {"", row.category}
            and self.severity in {"", row.severity.value}
            and self.state in {"", row.state}
            and (not self.owner or self.owner == row.owner or self.owner in owners)
            and (not self.text or self._said(row.namespace, row.name, row.owner, row.summary))
        )

    def incident(self, row: IncidentRow, services: Mapping[Place, ServiceRow]) -> bool:
        """Whether an incident is wanted: by itself and by its service, where that is known."""
        of = services.get((row.namespace, row.service))
        return (
            self.namespace in {"", row.namespace}
            and self.severity in {"", row.severity.value}
            and (not self.category or (of is not None and of.category == self.category))
            and (not self.state or (of is not None and of.state == self.state))
            and (not self.owner or self.owner in {row.owner, of.owner if of else ""})
            and (
                not self.text
                or self._said(row.namespace, row.service, row.name, row.owner, row.summary,
                              row.pattern, row.pattern.replace("_", " "))
            )
        )  # fmt: skip

    def _said(self, *texts: str) -> bool:
        where = "\n".join(texts).casefold()
        return all(word in where for word in self.text.casefold().split())


def read(query: Mapping[str, str]) -> Filter:
    """Of an address; what nobody knows counts as not said."""

    def said(key: str) -> str:
        return " ".join(query.get(key, "").split())[:_MAX_TEXT]

    def one_of(key: str, known: Iterable[str]) -> str:
        return said(key) if said(key) in set(known) else ""

    page = said("page")
    return Filter(
        text=said("q"),
        namespace=said("namespace"),
        category=said("category"),
        owner=said("owner"),
        severity=one_of("severity", (one.value for one in SEVERITIES)),
        state=one_of("state", STATES),
        sort=one_of("sort", SORTS) or "severity",
        down=said("down") == "1",
        page=min(max(int(page), 1), _MAX_PAGE) if page.isascii() and page.isdigit() else 1,
        whole=one_of("whole", ("heat", "incidents")),
    )


@dataclass(frozen=True, slots=True)
class Options:
    """What a filter can be set to, of what the caller sees; at most 500 of each."""

    namespaces: tuple[str, ...]
    categories: tuple[str, ...]
    owners: tuple[str, ...]
    severities: tuple[str, ...]
    states: tuple[str, ...]


def options(
    chosen: Filter, services: Iterable[ServiceRow], incidents: Iterable[IncidentRow]
) -> Options:
    """What was chosen is always among them, though nothing may be left of it."""
    namespaces, categories = {chosen.namespace}, {chosen.category}
    owners = {chosen.owner, *(one.owner for one in incidents if one.running)}
    for row in services:
        namespaces.add(row.namespace)
        categories.add(row.category)
        owners.add(row.owner)
    return Options(
        _sorted(namespaces),
        _sorted(categories),
        _sorted(owners),
        tuple(one.value for one in SEVERITIES),
        STATES,
    )


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names - {""}))[:_MAX_OPTIONS]
