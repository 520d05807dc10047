"""Export of what people wrote, and what an import of it would do.

Order and form do not depend on when or by whom it is asked, so that two exports can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.manifest_diff import DiffLine, diff
from anomaly_dashboard.watched.rows import Place
from anomaly_dashboard.watched.sight import Raw
from anomaly_dashboard.writes.manifest_text import essence, written
from anomaly_dashboard.writes.tried import Tried
from anomaly_operator.api.resources import Resource

MAX_EXPORTED = 20_000
"""Objects in one file."""


@dataclass(frozen=True, slots=True)
class Source:
    """The objects of a kind: where they are, and how one is read."""

    resource: Resource
    places: Sequence[Place]
    read: Callable[[str, str], Raw | None]


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One document. `outcome`: `new`, `changed`, `same`, `refused` or `applied`."""

    number: int
    title: str
    outcome: str
    problem: str
    difference: tuple[DiffLine, ...]

    @property
    def selectable(self) -> bool:
        return self.outcome in {"new", "changed"}


@dataclass(frozen=True, slots=True)
class ImportView:
    """`text`: the file, carried along until it is applied."""

    text: str
    lines: tuple[ImportLine, ...]
    applied: bool

    def count(self, outcome: str) -> int:
        return sum(one.outcome == outcome for one in self.lines)


def exported(sources: Iterable[Source], namespace: str) -> Iterator[str]:
    """The documents one by one; `namespace` empty: of all. Kinds in the order given, then by
    namespace and name. What one export leaves out, because it is too much, the file itself says."""
    count = 0
    for source in sources:
        for place in sorted(source.places):
            if namespace not in {"", place[0]}:
                continue
            raw = source.read(*place)
            manifest = None if raw is None else essence(source.resource, raw)
            if manifest is None:
                continue
            if count == MAX_EXPORTED:
                yield f"# {MAX_EXPORTED} objects; the rest is left out, export by namespace\n"
                return
            count += 1
            yield f"---\n{written(manifest)}"
    if not count:
        yield "# There is nothing that somebody wrote and you may read.\n"


def imported(text: str, tried: Sequence[Tried], applied: frozenset[int] | None) -> ImportView:
    """`tried`: one for each document. `applied`: numbers of those that were applied, None after a
    dry run."""
    done = applied or frozenset()
    lines = tuple(_line(at, one, at in done) for at, one in enumerate(tried))
    return ImportView(text, lines, applied is not None)


def _line(at: int, tried: Tried, applied: bool) -> ImportLine:
    outcome = "same"
    if tried.problem:
        outcome = "refused"
    elif tried.changes:
        outcome = "applied" if applied else "changed" if tried.before else "new"
    found = diff(tried.before, tried.after) if tried.changes else ()
    return ImportLine(at, tried.named.title, outcome, tried.problem, found)
