"""What is odd about a log, counted over all runs: it was rotated or written anew, two processes
write to it, or its clock is wrong. None of it is an error; the rows are read all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WINDOW, _BACK = 40, 6
"""So many steps back among so many rows are no resumes, but two writers."""


@dataclass(slots=True)
class Oddities:
    """What was odd so far, kept between runs. `back`: one bit a row, whether its step was smaller
    than the one before."""

    counts: dict[str, int]
    step: int = 0
    back: int = 0

    @classmethod
    def parse(cls, raw: object) -> Oddities:
        """What `stored` gave; anything else is nothing odd."""
        match raw:
            case [dict(counts), int(step), int(back)]:
                return cls({name: n for name, n in counts.items() if n > 0}, step, back)
        return cls({})

    def stored(self) -> list[Any]:
        """As plain JSON."""
        return [self.counts, self.step, self.back]

    def add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def saw(self, step: int) -> None:
        """One more row."""
        self.back = (self.back << 1 | (step < self.step)) & ((1 << _WINDOW) - 1)
        if self.back & 1 and self.back.bit_count() >= _BACK:
            self.counts["writers"] = 1
        self.step = step

    def is_ahead(self) -> None:
        """A row has a time that lies in the future."""
        self.counts["ahead"] = 1

    def told(self, path: str) -> Iterator[str]:
        """One sentence each."""
        if n := self.counts.get("rotated"):
            yield f"{path} was rotated {_times(n)}; the old file was read to its end first."
        if n := self.counts.get("rewritten"):
            yield f"{path} was cut or replaced {_times(n)} and read again from its beginning."
        if "ahead" in self.counts:
            yield (
                f"Times in {path} lie in the future and are not used. Write them in UTC or with "
                "their offset."
            )
        if "writers" in self.counts:
            yield (
                f"Steps in {path} go back and forth: two processes write to it, or some of its "
                "rows count something else. Give each its own log."
            )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
