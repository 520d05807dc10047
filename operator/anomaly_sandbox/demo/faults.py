"""Faults on cue: what is wrong with which simulated service, and since when.

They live in a file that the feed reads before each tick. The product under demonstration never
sees that file: all it gets are the metrics of a shop that has begun to limp.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from anomaly_sandbox.demo.noise import Floats, Ints

FOREVER = 2**62


class FaultKind(StrEnum):
    """What `Fault.amount` means: a factor for all but ERRORS, where it is a share of requests."""

    LATENCY = "latency"
    ERRORS = "errors"
    DATABASE = "database"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class Fault:
    """In force for start <= t < end, unix seconds."""

    service: str
    kind: FaultKind
    amount: float
    start: int
    end: int = FOREVER

    def __post_init__(self) -> None:
        if not 0 <= self.amount < 1000:
            raise ValueError(f"amount {self.amount:g} is not between 0 and 1000")
        if self.kind is FaultKind.ERRORS and self.amount > 1:
            raise ValueError(
                f"amount {self.amount:g} is not a share of failed requests, from 0 to 1"
            )


def effect(faults: tuple[Fault, ...], service: str, kind: FaultKind, times: Ints) -> Floats:
    """(n,): the product of the factors in force (1 = none); for ERRORS their sum (0 = none)."""
    adds = kind is FaultKind.ERRORS
    total = np.zeros(len(times)) if adds else np.ones(len(times))
    for fault in faults:
        if fault.service == service and fault.kind is kind:
            active = (times >= fault.start) & (times < fault.end)
            total[active] = total[active] + fault.amount if adds else total[active] * fault.amount
    return total


def mended(faults: tuple[Fault, ...], now: int) -> tuple[Fault, ...]:
    """The same faults, none of them beyond `now`."""
    return tuple(
        Fault(fault.service, fault.kind, fault.amount, fault.start, min(fault.end, now))
        for fault in faults
    )


def read_faults(file: Path) -> tuple[Fault, ...]:
    """No file means no faults. Raises ValueError when the file is not what `write_faults` wrote."""
    if not file.exists():
        return ()
    return tuple(
        Fault(
            str(item["service"]),
            FaultKind(item["kind"]),
            float(item["amount"]),
            int(item["start"]),
            int(item["end"]),
        )
        for item in json.loads(file.read_text())
    )


def write_faults(file: Path, faults: tuple[Fault, ...]) -> None:
    """Written aside and renamed: the feed never reads half a file."""
    aside = file.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps([asdict(fault) for fault in faults]))
    aside.replace(file)
