"""A scenario of the table and the service that it happens to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.incidents.state import Resolution
from anomaly_operator.incidents.transitions import TransitionKind
from anomaly_sandbox.demo.shop import SHOP, Shop
from benchmarks.patterns.shop_data import Change, Column
from detector_runtime.contract.vocabulary import Severity, SLOStatus

OPENED, ESCALATED = TransitionKind.OPENED, TransitionKind.ESCALATED
UPDATED, RECOVERING = TransitionKind.UPDATED, TransitionKind.RECOVERING
RELAPSED, REOPENED = TransitionKind.RELAPSED, TransitionKind.REOPENED
EXPIRED, CLOSED = TransitionKind.EXPIRED, TransitionKind.CLOSED


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario. The incident begins in the windows `first` to `last` of the story; with no
    `pattern` there must be none.

    `pattern` is the Anomaly's `status.pattern`, `also` are others of its patterns. `model`: the
    model's severity is at least this; None is exact, for what the model finds usual. A pattern that
    does not lead is only one of `status.patterns`: what needs a course of two hours or of several
    episodes has its name when the worst window, which gives `status.pattern`, may be long past.
    """

    trouble: str
    first: int
    last: int
    pattern: str
    slo: SLOStatus = SLOStatus.UNKNOWN
    severity: Severity = Severity.HIGH
    model: Severity = Severity.MEDIUM
    also: tuple[str, ...] = ()
    actions: tuple[TransitionKind, ...] = (OPENED, RECOVERING, CLOSED)
    resolution: Resolution | None = Resolution.RESOLVED
    leads: bool = True
    feedback: bool = False
    """A person says so: the resolution is that of the feedback."""


@dataclass(frozen=True, slots=True)
class Watch:
    """An AnomalyService and what happens to it. `wave`: services of a later wave are scored when
    those before are folded, as they look at them."""

    name: str
    service: str
    changes: tuple[Change, ...]
    rows: tuple[Row, ...]
    policy: str = ""
    depends_on: tuple[str, ...] = ()
    shop: Shop = SHOP
    more: tuple[Column, ...] = ()
    spec: dict[str, Any] = field(default_factory=dict)
    both: bool = False
    """Low latency counts as a deviation, too."""
    wave: int = 1
