"""The part of an incident's story that says what changed before it.

It asks when the incident opens and then with a new anomalous window, at least LOOK_SECONDS after
the last time. That such a window writes the object anyway is why the mark of the last look costs no
write of its own. The mark holds the time of the window, so nothing here needs a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.anomalies.changes.change import Change, Start, ranked, read_changes
from anomaly_operator.anomalies.changes.find import changes_of
from anomaly_operator.anomalies.changes.words import worded
from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import cut, to_text, unix_seconds
from anomaly_operator.incidents.state import Incident
from anomaly_operator.spec.workload import DEFAULT_KINDS, WorkloadRef
from anomaly_operator.world.plan import Lookup, ReadWorkload
from anomaly_operator.world.view import Answer
from anomaly_operator.world.workload import Workload
from detector_runtime.contract.codec import encode

LOOK_SECONDS = 300
MESSAGE_BYTES = 400
CHANGES, LOOKUP = "changes", "changeLookup"
_NEXT_STEP = {
    Reason.FORBIDDEN: (
        "the operator may not read them; set changes.enabled of its chart to true, or grant it"
    ),
    Reason.KIND_NOT_SERVED: "the cluster does not serve them",
}


@dataclass(frozen=True, slots=True)
class ChangeTerms:
    """`workloads`: `spec.workloadRef` by the name of a service of `namespace`, where it has one.
    `answers`: to what was asked so far.
    """

    namespace: str
    service: str
    step_seconds: int
    lookback_seconds: int
    nodes: bool = False
    workloads: Mapping[str, WorkloadRef] = field(default_factory=dict)
    answers: Mapping[Lookup, Answer] = field(default_factory=dict)


def changes_part(terms: ChangeTerms) -> Part:
    """Adds `changes` and `changeLookup`."""

    def part(incident: Incident, before: Mapping[str, Any], found: Mapping[str, Any]) -> Told:
        root = _root(terms, found, before)
        if not _due(incident, before, root):
            return Told(_again(terms, incident, before))
        lookups = [_lookup(terms, terms.namespace, terms.service)]
        lookups += [_lookup(terms, *root)] if root else []
        asked = tuple(one for one in lookups if one not in terms.answers)
        if asked:
            return Told(kept(before), asked)
        return Told(_looked(terms, incident, before, lookups, root))

    return part


def kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """What the object says so far."""
    return {key: before[key] for key in (CHANGES, LOOKUP) if key in before}


def _again(terms: ChangeTerms, incident: Incident, before: Mapping[str, Any]) -> dict[str, Any]:
    """The same changes; in new words where the incident was reopened, which is another start."""
    same, known = kept(before), read_changes(before)
    return same | {CHANGES: _told(known, start_of(incident, terms.step_seconds))} if known else same


def start_of(incident: Incident, step_seconds: int) -> Start:
    """Of the incident, or of its newest reopening."""
    return Start(incident.opened - step_seconds, incident.opened)


def _root(
    terms: ChangeTerms, found: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Namespace and name of the service that is the cause, if it is another one."""
    told = found.get("rootCause") or before.get("rootCause")
    if not isinstance(told, Mapping) or not told.get("service"):
        return None
    root = str(told.get("namespace") or terms.namespace), str(told["service"])
    return None if root == (terms.namespace, terms.service) else root


def _due(incident: Incident, before: Mapping[str, Any], root: tuple[str, str] | None) -> bool:
    mark = before.get(LOOKUP)
    if not isinstance(mark, Mapping):
        # A closed one whose object stands without a mark is of an earlier release.
        return incident.running or not before
    waited = incident.last_seen - unix_seconds(mark.get("at"))
    named = "/".join(root) if root else ""
    renamed = bool(named) and named != mark.get("root") and waited > 0
    return incident.running and (waited >= LOOK_SECONDS or renamed)


def _lookup(terms: ChangeTerms, namespace: str, service: str) -> ReadWorkload:
    ref = terms.workloads.get(service) if namespace == terms.namespace else None
    if ref is None:
        return ReadWorkload(namespace, service, DEFAULT_KINDS, terms.nodes)
    return ReadWorkload(namespace, ref.name, (ref.kind,), terms.nodes)


def _looked(
    terms: ChangeTerms,
    incident: Incident,
    before: Mapping[str, Any],
    lookups: Sequence[ReadWorkload],
    root: tuple[str, str] | None,
) -> dict[str, Any]:
    start = start_of(incident, terms.step_seconds)
    since = start.begin - terms.lookback_seconds
    found = list(read_changes(before))
    notes: list[str] = []
    for lookup in lookups:
        answer = terms.answers[lookup]
        assert isinstance(answer, Workload)
        if answer.kind:
            found += changes_of(answer, lookup.namespace, since)
        notes += _notes(answer, lookup)
    mark = {
        "at": to_text(incident.last_seen),
        "root": "/".join(root) if root else "",
        "message": cut(" ".join(notes), MESSAGE_BYTES),
    }
    return {
        CHANGES: _told(found, start),
        LOOKUP: {key: value for key, value in mark.items() if value},
    }


def _told(changes: Iterable[Change], start: Start) -> Any:
    return encode(worded(ranked(changes, start), start))


def _notes(answer: Workload, lookup: ReadWorkload) -> Iterator[str]:
    """What was not found or not read, each as a sentence with the next step."""
    whose = f"{lookup.namespace}/{lookup.name}"
    reasons = dict.fromkeys(one.reason for one in answer.unread)
    for reason in reasons:
        missing = [one for one in answer.unread if one.reason is reason]
        plurals = ", ".join(one.plural for one in missing)
        said = ", ".join(sorted({one.said for one in missing if one.said}))
        why = _NEXT_STEP.get(reason, f"the API server did not answer ({said})")
        yield f"Changes of {whose} are incomplete without {plurals}: {why}."
    if not answer.kind and not answer.unread:
        kinds = ", ".join(lookup.kinds[:-1])
        listed = f"{kinds} or {lookup.kinds[-1]}" if kinds else lookup.kinds[-1]
        yield f"There is no {listed} {whose} to look for changes of; set spec.workloadRef."
