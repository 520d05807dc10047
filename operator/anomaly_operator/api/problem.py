"""What is wrong with a spec that admission could not see, as a value that becomes a condition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` as a user writes it (spec.training.schedule), empty for a whole document; `message`
    says value and next step.
    """

    reason: Reason
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def listed(problems: Iterable[Problem]) -> str:
    """All of them as the text of a condition or an Event, a sentence each."""
    return " ".join(sentence(str(problem)) for problem in problems)
