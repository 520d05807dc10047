"""Context queries: what a scoring pod is told to ask about an anomalous window, and the answers.

They explain and decide nothing, so a query that fails leaves a note and a run goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from detector_runtime.contract.codec import OMIT_DEFAULT
from detector_runtime.contract.vocabulary import Role, Unit

MAX_CONTEXT = 6
"""Of a service: with 5 s for each and 15 s for all, more would rarely be asked."""
MAX_ROWS = 10
DEFAULT_ROWS = 5
MAX_LABEL = 96
MAX_VALUE = 32
MAX_NOTE = 256


@dataclass(frozen=True, slots=True)
class ContextQuery:
    """`query` is final. Asked for a window with an alerting finding that is about a metric of
    `roles` or has one of `patterns`; for any where both are empty. `top`: rows that are kept.
    """

    omit_empty: ClassVar[bool] = True

    name: str
    query: str
    unit: Annotated[Unit, OMIT_DEFAULT] = Unit.NONE
    top: Annotated[int, OMIT_DEFAULT] = DEFAULT_ROWS
    roles: tuple[Role, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextRow:
    """One series: its labels and its value with a unit, in words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ContextResult:
    """The rows at the end `at` of a window, ISO 8601, the largest first; or a `note` why there are
    none.
    """

    omit_empty: ClassVar[bool] = True

    name: str
    at: str = ""
    note: str = ""
    rows: tuple[ContextRow, ...] = ()
