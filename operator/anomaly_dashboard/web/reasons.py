"""What the reason of a condition means and what to do about it, as the documentation has it.

`reasons.json` is written by `operator/docs/generate_reasons.py`; a test holds the two together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("reasons.json")


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """Both may hold code in backticks."""

    meaning: str
    action: str


def reason_words(reason: str) -> ReasonWords | None:
    """None for a reason that this release does not know."""
    return _all().get(reason)


@cache
def _all() -> dict[str, ReasonWords]:
    found = json.loads(_FILE.read_text(encoding="utf-8"))
    return {reason: ReasonWords(one["meaning"], one["action"]) for reason, one in found.items()}
