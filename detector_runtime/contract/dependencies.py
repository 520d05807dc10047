"""`.status.dependencies`: how the services stand that this one depends on.

The operator writes it and the scoring pod reads it with its own service, so that a pattern can tell
trouble of its own from trouble that comes from below without asking for another object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from detector_runtime.contract.vocabulary import Severity

MAX_UNHEALTHY = 8


@dataclass(frozen=True, slots=True)
class UnhealthyDependency:
    """A service of the namespace with an active incident that people are told of (Medium and up);
    `depth` 1 = called directly."""

    omit_empty: ClassVar[bool] = True

    name: str
    severity: Severity
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Dependencies:
    """`known`: how many services it depends on, directly or not, whose windows are judged;
    `unhealthy`: the nearest and worst of them that have an incident, at most MAX_UNHEALTHY."""

    omit_empty: ClassVar[bool] = True

    known: int = 0
    unhealthy: tuple[UnhealthyDependency, ...] = ()
