"""Who said or changed what, when: from what the objects themselves record.

The history of incidents, what people said of them and which deviations they declared as expected.
The API server's own audit log knows more; an object knows nothing that was overwritten.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_cli.cluster_reading import incident, items, part, text
from anomaly_dashboard.watched.rows import Place
from anomaly_operator.api.names import ANNOTATION_TRAIN_REQUESTED
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE, Resource
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.evaluation.edges import OPERATOR

PAGE = 100
DAY = 86_400
MAX_DAYS = 90
COLUMNS = ("time", "person", "what", "kind", "namespace", "name", "service", "why")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """`at`: unix seconds, 0 = not recorded. `who`: a person, or the operator; empty = not
    recorded. `place`: of the object of kind `kind`; `service`: whose it is."""

    at: int
    who: str
    what: str
    why: str
    kind: str
    place: Place
    service: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """From the address. `days` back from now; `people`: only what was not the operator."""

    who: str = ""
    namespace: str = ""
    days: int = 7
    people: bool = True
    page: int = 1

    def takes(self, entry: Entry, now: int) -> bool:
        return (
            self.who.lower() in entry.who.lower()
            and self.namespace in {"", entry.place[0]}
            and not (self.people and entry.who == OPERATOR)
            and (not entry.at or entry.at >= now - self.days * DAY)
        )


@dataclass(frozen=True, slots=True)
class AuditView:
    """`unread`: incidents that were left out, as only the newest are looked through."""

    asked: AuditFilter
    entries: tuple[Entry, ...]
    matching: int
    page: int
    pages: int
    people: tuple[str, ...]
    namespaces: tuple[str, ...]
    unread: int


def of_incident(raw: Raw) -> Iterator[Entry]:
    """The history of an Anomaly, and what people said that is not in it yet."""
    one = incident(raw)
    place = (one.namespace, one.name)

    def entry(at: int, who: str, what: str, why: str) -> Entry:
        return Entry(at, who, what, why, ANOMALY.kind, place, one.service)

    known = set()
    for at, what, who, why in one.history:
        known.add((who, what))
        yield entry(at, who, _words(what), why)
    said = (
        ("Acknowledged", one.acknowledgement),
        ("Feedback", one.feedback),
        ("ResolutionNoted", one.note),
    )
    for what, statement in said:
        if statement and (statement.by, what) not in known:
            why = ": ".join(part for part in (statement.verdict, statement.comment) if part)
            yield entry(statement.at, statement.by, _words(what), why)


def of_service(raw: Raw) -> Iterator[Entry]:
    """Deviations that were declared as expected, and a training that was asked for."""
    metadata, spec = part(raw, "metadata"), part(raw, "spec")
    place = text(metadata, "namespace"), text(metadata, "name")

    def entry(at: int, what: str, why: str) -> Entry:
        return Entry(at, "", what, why, SERVICE.kind, place, place[1])

    asked = text(part(metadata, "annotations"), ANNOTATION_TRAIN_REQUESTED)
    if asked:
        yield entry(unix_seconds(asked), "Training requested", "")
    for one in items(spec, "expected"):
        what = text(one, "pattern") or text(one, "metric")
        lasts = f"until {text(one, 'until')}" if text(one, "until") else "for good"
        why = ", ".join(part for part in (what, lasts, text(one, "reason")) if part)
        yield entry(0, "Declared as expected", why)


def of_managers(fields: Iterable[Raw], resource: Resource, place: Place) -> Iterator[Entry]:
    """The API server's record of one object: which program last wrote which part of it."""
    for one in fields:
        owned = part(one, "fieldsV1")
        parts = [f"{top}.{key}" for top in ("metadata", "spec", "status")
                 for key in _owned(part(owned, f"f:{top}"))]  # fmt: skip
        shown = ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
        what = "Applied" if text(one, "operation") == "Apply" else "Changed"
        service = place[1] if resource == SERVICE else ""
        yield Entry(
            unix_seconds(text(one, "time")), text(one, "manager"), what, shown, resource.kind,
            place, service,
        )  # fmt: skip


def audit(
    entries: Iterable[Entry], namespaces: Iterable[str], asked: AuditFilter, now: int, unread: int
) -> AuditView:
    """The newest first; what has no time comes last."""
    matching = newest(entries, asked, now)
    pages = max(-(-len(matching) // PAGE), 1)
    at = min(max(asked.page, 1), pages)
    return AuditView(
        asked=asked,
        entries=tuple(matching[(at - 1) * PAGE : at * PAGE]),
        matching=len(matching),
        page=at,
        pages=pages,
        people=tuple(sorted({one.who for one in matching if one.who and one.who != OPERATOR}))[:50],
        namespaces=tuple(sorted(namespaces)),
        unread=unread,
    )


def newest(entries: Iterable[Entry], asked: AuditFilter, now: int) -> list[Entry]:
    """Those that the filter takes, the newest first."""
    found = [one for one in entries if asked.takes(one, now)]
    found.sort(key=lambda one: (-one.at, one.place, one.what))
    return found


def table(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of a CSV file. A cell that a spreadsheet would run as a formula begins with an
    apostrophe (CWE-1236)."""
    yield _line(COLUMNS)
    for one in entries:
        when = to_text(one.at) if one.at else ""
        yield _line((when, one.who, one.what, one.kind, *one.place, one.service, one.why))


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{one}" if one.startswith(_FORMULA) else one for one in cells])
    return out.getvalue()


def _owned(fields: Raw) -> list[str]:
    return [key.removeprefix("f:") for key in fields if key.startswith("f:")]


def _words(what: str) -> str:
    """`DeadlineMissed` as `Deadline missed`."""
    spaced = "".join(f" {one.lower()}" if one.isupper() else one for one in what)
    return spaced.strip().capitalize()


KINDS = {resource.plural: resource for resource in (SERVICE, POLICY, ANOMALY)}
"""By the word in the address of an object's own page."""
