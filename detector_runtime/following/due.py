"""Which windows a run reports: all since the newest one told, as many as a document lists.

A first run looks at the whole log, in the log's own time, and reports its newest windows. A run
that is over gets no window after its last row, so that nothing is written while nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from detector_runtime.contract.training_run import RunState
from detector_runtime.contract.vocabulary import MAX_WINDOWS
from detector_runtime.following.advance import Advanced, Span
from detector_runtime.following.progress import OVER


@dataclass(frozen=True, slots=True)
class Told:
    """What the status says. `through`: end of the newest window, unix seconds, None = there is
    none; `rows` that it has been told of; `state` of the run, `since` when, and `notes`; how many
    `snapshots` there are, and the newest one's path."""

    through: int | None = None
    rows: int = 0
    state: RunState | None = None
    since: int = 0
    notes: tuple[str, ...] = ()
    snapshots: int = 0
    snapshot: str = ""


def span(told: Told, until: int, step: int) -> Span:
    """What to read before `until`, the end of the newest complete window."""
    if told.through is None or told.state in OVER:
        return Span(until, until, told.through, told.rows)
    first = max(told.through, until - MAX_WINDOWS * step) + step
    return Span(until, first, told.through, told.rows)


def ends(told: Told, found: Span, result: Advanced, state: RunState, step: int) -> range:
    """Ends of the windows to report after `found` was read, the oldest first; empty where none is
    due. `state`: of the run now."""
    held = sorted(result.windows.held)
    if result.history and not result.whole:
        return range(0)
    end = found.until
    if state in OVER or not result.whole:
        end = held[-1] if held else 0
    since = end - MAX_WINDOWS * step
    if held and (told.through is None or told.state in OVER):
        # No row was missing before the first of them.
        since = max(since, held[0] - step)
    elif told.through is None:
        since = end - step
    if told.through is not None:
        since = max(since, told.through)
    return range(since + step, end + 1, step)
