"""What a source returns, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from detector_runtime.series.frame import Frame


@dataclass(frozen=True, slots=True)
class Fetched:
    """`partial`: the source itself says that something is missing, so "normal" proves nothing.

    `duplicates`: by metric, samples that shared a timestamp (the last one counts).
    """

    frame: Frame
    warnings: tuple[str, ...] = ()
    partial: bool = False
    duplicates: dict[str, int] = field(default_factory=dict)


class Source(Protocol):
    """Both kinds answer for all metrics of the service at once."""

    def fetch(self, start: int, end: int) -> Fetched:
        """The windows with start < end-of-window <= end, UTC unix seconds; RunError else."""
        ...
