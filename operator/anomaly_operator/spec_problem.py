"""What is wrong with a spec that admission could not see, as a value that becomes a condition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` as a user writes it (spec.training.schedule); `message` says value and next step."""

    reason: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"
