"""A training run on one line of steps: its triggers by tier, the best loss, where it stands.

Places are per mille of the line, so that a drawing of any width can use them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anomaly_cli.run.kinds import kind_of, rank_of
from detector_runtime.contract.training_run import RunTrigger, TrainingRunReport
from detector_runtime.training_run.trigger import Tier

WHOLE = 1000
BEST = "best_model_loss"
"""Kind of the trigger that tells the lowest loss so far; its figure is that loss."""
_LANES = ((Tier.CRITICAL, "▲▲"), (Tier.WARNING, "▲"), (Tier.NORMAL, "·"))


@dataclass(frozen=True, slots=True)
class Mark:
    """`at`: 0 to WHOLE. `text`: what a pointer shows."""

    at: int
    step: int
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The triggers of a tier; `symbol` stands before its name."""

    name: str
    symbol: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class RunLine:
    """`done`: where the newest row stands; `best`, `checkpoint`: None where they are not known.
    `falling`: path of the best loss so far in a drawing of WHOLE by 100, empty where fewer than two
    are known; `highest`, `lowest`: its ends."""

    last: int
    done: int
    best: Mark | None
    checkpoint: Mark | None
    lanes: tuple[Lane, ...]
    falling: str
    highest: str
    lowest: str


def run_line(report: TrainingRunReport) -> RunLine | None:
    """None before the first row."""
    steps = [report.step, report.total_steps, *(one.step for one in report.timeline)]
    last = max(steps)
    if last <= 0:
        return None
    known = report.checkpoint
    bests = list(_bests(report.timeline))
    path, highest, lowest = _falling(bests, last)
    best_text = f"best loss {report.best_loss} at step {report.best_step:,}"
    return RunLine(
        last=last,
        done=_place(report.step, last),
        best=_mark(report.best_step, last, best_text) if report.best_loss else None,
        checkpoint=_mark(known.step, last, f"checkpoint at step {known.step:,}") if known else None,
        lanes=tuple(_lane(tier, symbol, report.timeline, last) for tier, symbol in _LANES),
        falling=path,
        highest=highest,
        lowest=lowest,
    )


def _lane(tier: Tier, symbol: str, timeline: Sequence[RunTrigger], last: int) -> Lane:
    """The lowest lane takes what is less than its tier too."""
    lowest = tier is Tier.NORMAL
    found = [
        one
        for one in timeline
        if rank_of(one.tier) == tier.rank or (lowest and rank_of(one.tier) < tier.rank)
    ]
    marks = (_mark(one.step, last, f"{one.name} at step {one.step:,}") for one in found)
    return Lane("Other" if lowest else tier.value, symbol, tuple(marks))


def _bests(timeline: Sequence[RunTrigger]) -> Iterator[tuple[int, float, str]]:
    for one in timeline:
        if kind_of(one.name) != BEST:
            continue
        figure = one.name.removeprefix(f"{BEST}_")
        try:
            loss = float(figure)
        except ValueError:
            continue
        if math.isfinite(loss):
            yield one.step, loss, figure


def _falling(bests: Sequence[tuple[int, float, str]], last: int) -> tuple[str, str, str]:
    if len(bests) < 2:
        return "", "", ""
    high = max(bests, key=lambda one: one[1])
    low = min(bests, key=lambda one: one[1])
    room = (high[1] - low[1]) or 1.0
    points = [
        f"{_place(step, last)} {5 + 90 * (high[1] - loss) / room:.1f}" for step, loss, _ in bests
    ]
    # A best loss holds until the next one: a line of steps.
    path = f"M{points[0]}"
    for point in points[1:]:
        x, y = point.split(" ")
        path += f"H{x}V{y}"
    return path, high[2], low[2]


def _mark(step: int, last: int, text: str) -> Mark:
    return Mark(_place(step, last), step, text)


def _place(step: int, last: int) -> int:
    return round(WHOLE * min(max(step / last, 0.0), 1.0))
