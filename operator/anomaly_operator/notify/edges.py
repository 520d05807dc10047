"""The edges that people are told of, and the mark that says which of them a receiver has had.

Marks stand in `status.notifications` of the Anomaly, the latest of each receiver. They are written
after the message, so a crash in between repeats a message and never loses one; the key of an edge
is the same in both, and a receiver that knows keys drops the repeat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from anomaly_operator.settings.notifications import MAX_RECEIVERS
from detector_runtime.contract.codec import OMIT_DEFAULT, Time, decode, encode
from detector_runtime.contract.vocabulary import ContractError, Severity

MAX_MISSED = 64


class Edge(StrEnum):
    """What happened to an incident that is worth a message."""

    OPENED = "Opened"
    ESCALATED = "Escalated"
    REOPENED = "Reopened"
    DEADLINE_MISSED = "DeadlineMissed"
    CLOSED = "Closed"


class Failure(StrEnum):
    """Why a receiver has not taken a message. All but `REFUSED` may pass by themselves. Coarse, so
    that an object is not written with each attempt.
    """

    UNREACHABLE = "Unreachable"
    SERVER_ERROR = "ServerError"
    THROTTLED = "Throttled"
    NOT_CONFIGURED = "NotConfigured"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest edge that a receiver has had; `edge` None: none yet. `severity`, `reopened` and
    `missed` are those that it was told with it. `failure`: why the next one has not gone out,
    `detail` what a refusing receiver said.
    """

    omit_empty: ClassVar[bool] = True

    receiver: str
    edge: Edge | None = None
    key: str = ""
    at: Time | None = None
    severity: Annotated[Severity, OMIT_DEFAULT] = Severity.NONE
    reopened: Annotated[int, OMIT_DEFAULT] = 0
    missed: str = ""
    failure: Failure | None = None
    detail: str = ""


def read_marks(stored: bytes) -> dict[str, Mark]:
    """By receiver, from the JSON of `status.notifications`. What cannot be read counts as not told:
    a repeated message is better than none.
    """
    found: dict[str, Mark] = {}
    listed = json.loads(stored) if stored else []
    for item in listed if isinstance(listed, list) else ():
        try:
            mark = decode(Mark, item)
        except ContractError:
            continue
        found[mark.receiver] = mark
    return found


def write_marks(marks: Iterable[Mark]) -> list[Mapping[str, Any]]:
    """The value of `status.notifications`. Marks of receivers that the settings no longer have go
    first when there are too many: the caller puts them last.
    """
    return [encode(mark) for mark in list(marks)[:MAX_RECEIVERS]]
