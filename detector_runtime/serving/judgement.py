"""What a served model is to the HTTP side, whatever stands behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from detector_runtime.series.frame import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Of n observations: `anomalous` (n,); `score` (n,) 0 .. 10; `members`: names; `present` and
    `voted` (k, n): which of them had a word, and which called the observation anomalous;
    `surprise` (k, n): how unusual each finds it, -log10 of a probability, NaN where it abstains."""

    anomalous: Bools
    score: Floats
    members: tuple[str, ...]
    present: Bools
    voted: Bools
    surprise: Floats


class Scorer(Protocol):
    """A loaded model. `features`: names in the order of the values' columns; `needs_history`: no
    member judges an observation by itself."""

    version: str
    features: tuple[str, ...]
    needs_history: bool

    def info(self) -> dict[str, Any]:
        """What `/model/info` says of it."""

    def judge(self, values: Floats, times: Ints) -> Judgement:
        """Of observations `values` (n, m) at `times` (n,), each by itself."""

    def judge_after(self, history: Floats, values: Floats, time: int) -> Judgement:
        """Of one observation `values` (m,) at `time`, after `history` (h, m)."""
