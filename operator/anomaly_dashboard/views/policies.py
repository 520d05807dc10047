"""SLO policies as a list, and one of them: what it says, whom it judges, what would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anomaly_cli.cluster_reading import items, part, text
from anomaly_dashboard.watched.rows import PolicyRow
from anomaly_operator.observe.read import metadata, policy_object
from anomaly_operator.slo.choice import policy_for
from anomaly_operator.world.objects import PolicyObject

PAGE = 100
_SHOWN = 50
NEW_SPEC: Mapping[str, Any] = {
    "serviceSelector": {"matchLabels": {"tier": "web"}},
    "thresholds": {
        "latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"},
        "errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"},
    },
}
"""What the page of a new policy begins with."""

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoliciesView:
    """`pages`: how many there are, `page` from 1; `namespaces`: those with a policy or service."""

    rows: tuple[PolicyRow, ...]
    matching: int
    total: int
    page: int
    pages: int
    namespace: str
    search: str
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A service and the policies that judge it, empty where none does: now, and with the change."""

    name: str
    before: str
    after: str
    warning: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Services by what the policy would be to them; `more`: that are not named here."""

    stays: tuple[Judged, ...]
    gained: tuple[Judged, ...]
    lost: tuple[Judged, ...]
    warnings: tuple[str, ...]
    count: int
    more: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A service and its worst objective, from the policy's status."""

    service: str
    objective: str
    state: str
    tier: str
    left: str

    @property
    def bad(self) -> bool:
        return self.state in {"Burning", "Exhausted"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """A condition that is not met."""

    kind: str
    message: str


def policies(
    rows: Iterable[PolicyRow], namespaces: Iterable[str], *, namespace: str, search: str, page: int
) -> PoliciesView:
    """The worst first: invalid, exhausted, burning."""
    known = tuple(rows)
    matching = [
        row
        for row in known
        if namespace in {"", row.namespace} and search.lower() in f"{row.namespace}/{row.name}"
    ]
    matching.sort(key=lambda row: (not row.trouble, -row.exhausted, -row.burning, row.place))
    pages = max(-(-len(matching) // PAGE), 1)
    at = min(max(page, 1), pages)
    return PoliciesView(
        rows=tuple(matching[(at - 1) * PAGE : at * PAGE]),
        matching=len(matching),
        total=len(known),
        page=at,
        pages=pages,
        namespace=namespace,
        search=search,
        namespaces=tuple(sorted({*namespaces, *(row.namespace for row in known)})),
    )


def preview(
    candidate: PolicyObject, services: Iterable[Raw], policies: Sequence[PolicyObject]
) -> Preview:
    """Whom `candidate` would judge. `services` and `policies`: all of its namespace that the caller
    may read, with the candidate as it is now where there is one."""
    name = candidate.meta.name
    others = [one for one in policies if one.meta.name != name]
    judged = []
    for raw in services:
        meta = metadata(raw)
        reference = text(part(part(raw, "spec"), "sloPolicyRef"), "name")
        now = policy_for(meta, reference, policies)
        then = policy_for(meta, reference, [*others, candidate])
        before, after = ((one.policy.meta.name if one.policy else "") for one in (now, then))
        if name in {before, after}:
            judged.append(Judged(meta.name, before, after, then.message if then.reason else ""))
    judged.sort(key=lambda one: one.name)
    kept = [one for one in judged if one.before == one.after]
    gained = [one for one in judged if one.after == name != one.before]
    lost = [one for one in judged if one.before == name != one.after]
    named = (kept[:_SHOWN], gained[:_SHOWN], lost[:_SHOWN])
    return Preview(
        stays=tuple(named[0]),
        gained=tuple(named[1]),
        lost=tuple(named[2]),
        warnings=tuple(dict.fromkeys(one.warning for one in judged if one.warning))[:_SHOWN],
        count=len(kept) + len(gained),
        more=len(judged) - sum(map(len, named)),
    )


def as_policy(raw: Raw, created: int) -> PolicyObject:
    """A manifest as the operator would read it; `created` in unix seconds for one that is new."""
    found = policy_object(raw)
    return (
        found if found.meta.created else replace(found, meta=replace(found.meta, created=created))
    )


def standings(raw: Raw) -> tuple[Standing, ...]:
    """The worst services of a policy, as its status names them."""
    return tuple(
        Standing(
            *(text(one, key) for key in ("service", "objective", "state", "tier", "budgetLeft"))
        )
        for one in items(part(raw, "status"), "objectives")
    )


def complaints(raw: Raw) -> tuple[Complaint, ...]:
    """What its conditions complain of."""
    return tuple(
        Complaint(text(one, "type"), text(one, "message"))
        for one in items(part(raw, "status"), "conditions")
        if text(one, "status") == "False"
    )
