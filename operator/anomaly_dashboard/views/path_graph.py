"""The way of a trouble from its root to its symptoms, as boxes from top to bottom.

Top to bottom, because that fits a phone. Every box also stands in words beside the drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.neighbours import Neighbour
from detector_runtime.contract.vocabulary import Severity

WIDTH = 320
BOX, GAP, INDENT = 44, 24, 28
MAX_SYMPTOMS = 6
MAX_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Box:
    """`kind`: root, path, here or symptom; `label` is cut, `whole` is not."""

    x: int
    y: int
    width: int
    label: str
    whole: str
    severity: Severity
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class PathGraph:
    """Lengths in units of the drawing; `arrows`: paths of lines that end in an arrow head;
    `said`: the same in a sentence."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    said: str


def path_graph(
    here: Neighbour, chain: Sequence[Neighbour], symptoms: Sequence[Neighbour], count: int
) -> PathGraph | None:
    """`chain`: from the root to just before `here`; `symptoms`: of `here`, `count` in all. None
    where the incident stands alone."""
    if not chain and not symptoms:
        return None
    line = [*chain, here]
    boxes = [_box(one, at, len(line), here.namespace) for at, one in enumerate(line)]
    middle = WIDTH // 2
    arrows = [f"M{middle} {box.y + BOX}V{box.y + BOX + GAP - 5}" for box in boxes[:-1]]
    below = boxes[-1].y + BOX
    shown = symptoms[:MAX_SYMPTOMS]
    for at, one in enumerate(shown):
        y = below + GAP + at * (BOX + 10)
        label, whole = _named(one, here.namespace)
        box = Box(INDENT, y, WIDTH - INDENT, label, whole, one.severity, "symptom", "symptom")
        boxes.append(box)
        arrows.append(f"M{INDENT // 2} {below}V{y + BOX // 2}H{INDENT - 5}")
    last = boxes[-1].y + BOX
    return PathGraph(WIDTH, last + 2, tuple(boxes), tuple(arrows), _said(line, shown, count, here))


def _box(one: Neighbour, at: int, length: int, namespace: str) -> Box:
    kind = "here" if at == length - 1 else "root" if at == 0 else "path"
    notes = {"here": "this service", "root": "root cause", "path": "on the way"}
    note = "this service, root cause" if length == 1 else notes[kind]
    label, whole = _named(one, namespace)
    return Box(0, 1 + at * (BOX + GAP), WIDTH, label, whole, one.severity, kind, note)


def _named(one: Neighbour, namespace: str) -> tuple[str, str]:
    foreign = one.namespace != namespace
    whole = f"{one.namespace}/{one.service}" if foreign else one.service
    return whole if len(whole) <= MAX_LETTERS else f"{whole[: MAX_LETTERS - 1]}…", whole


def _said(
    line: Sequence[Neighbour], shown: Sequence[Neighbour], count: int, here: Neighbour
) -> str:
    names = [_named(one, here.namespace)[1] for one in line]
    start = f"From {' to '.join(names)}" if len(names) > 1 else f"{names[0]} is the root cause"
    if not shown:
        return f"{start}."
    listed = ", ".join(_named(one, here.namespace)[1] for one in shown)
    rest = max(count - len(shown), 0)
    return f"{start}; symptoms: {listed}{f' and {rest} more' if rest else ''}."
