"""Answers counted: how often the root is first, and how often among the first three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.rootcause.recordings import Issue

HALVES = ("tune", "report")


@dataclass(frozen=True, slots=True)
class Answer:
    """`ranking`: services, the likeliest root first, empty without an incident; `named`: people are
    told the first, which takes a probability of 40 %."""

    method: str
    issue: Issue
    ranking: tuple[str, ...]
    named: bool

    @property
    def rank(self) -> int:
        """Of the true root, from 1; 0 = it is not in the ranking."""
        root = self.issue.root
        return self.ranking.index(root) + 1 if root in self.ranking else 0

    def line(self) -> str:
        first = ", ".join(one[:24] for one in self.ranking[:3]) or "nobody"
        issue = self.issue
        return (
            f"{self.method:28} {issue.name:14} {issue.half:6} {issue.metric:12} rank {self.rank:2} "
            f"of {issue.root[:24]:24} | {first}"
        )


def render(answers: Sequence[Answer], silent: int, windows: int) -> str:
    methods = list(dict.fromkeys(one.method for one in answers))
    lines = [
        "| method | all top-1 / top-3 | tuning half | reporting half | named, of these right |",
        "| --- | --- | --- | --- | --- |",
    ]
    for method in methods:
        ours = [one for one in answers if one.method == method]
        parts = [ours, *([one for one in ours if one.issue.half == half] for half in HALVES)]
        named = [one for one in ours if one.named]
        right = sum(one.rank == 1 for one in named)
        cells = " | ".join(f"{_share(part, 1)} / {_share(part, 3)}" for part in parts)
        lines.append(f"| {method} | {cells} | {len(named)}, {right} |")
    lines += ["", f"Normal windows in which nobody is named: {silent} of {windows}."]
    return "\n".join(lines) + "\n"


def _share(answers: Sequence[Answer], within: int) -> str:
    right = sum(0 < one.rank <= within for one in answers)
    return f"{right / len(answers):.2f}" if answers else "-"
