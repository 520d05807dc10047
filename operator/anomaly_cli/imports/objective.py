"""What is taken from a foreign manifest: objectives, and what could not be carried over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from anomaly_cli.imports.manifest import Manifest, ManifestError

MIN_DAYS, MAX_DAYS = 7, 90
MAX_NAME = 63

_DURATION = re.compile(r"(\d+)(ms|[smhdwyMQY])")
_SECONDS = {
    "ms": 0,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 7 * 86_400,
    "M": 30 * 86_400,
    "Q": 90 * 86_400,
    "y": 365 * 86_400,
    "Y": 365 * 86_400,
}


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that an SLOPolicy does not hold: where it stood, and what becomes of it."""

    manifest: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.manifest}: {self.field}: {self.text}"


@dataclass(frozen=True, slots=True)
class Objective:
    """`target` in percent. `indicator`: the queries by their name in a policy's indicator. `page`
    and `ticket`: whether the tiers of that kind alert.
    """

    name: str
    target: Decimal
    days: int
    indicator: Mapping[str, str]
    page: bool = True
    ticket: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Objectives that stand in one SLOPolicy; `service` is whose they are, empty if unknown."""

    name: str
    namespace: str
    service: str
    objectives: tuple[Objective, ...]


@dataclass(slots=True)
class Reading:
    """Collects what one file gives. `failed` holds what gives no objective, and why."""

    policies: list[Policy] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    failed: list[Loss] = field(default_factory=list)

    def lose(self, manifest: str, where: str, text: str) -> None:
        self.losses.append(Loss(manifest, where, text))

    def fail(self, manifest: str, error: ManifestError) -> None:
        self.failed.append(Loss(manifest, "not imported", str(error)))

    def unread(self, manifest: str, document: Manifest) -> None:
        """Name the fields that nobody read."""
        for where in document.unread():
            self.lose(manifest, where, "not carried over; an SLOPolicy has no such field")


def object_name(text: str) -> str:
    """`text` as the name of a Kubernetes object: `My API/v2` is `my-api-v2`. Raises ManifestError
    where nothing is left of it.
    """
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].strip("-")
    if not found:
        raise ManifestError(f"the name {text!r} has no letter and no digit")
    return found


def percent(value: Decimal, where: str) -> Decimal:
    """A target in percent. Raises ManifestError where no policy can hold it."""
    if not 0 < value < 100:
        raise ManifestError(f"{where} {value}: a target lies between 0% and 100%, both excluded")
    found = value.normalize()
    if found != round(found, 4):
        raise ManifestError(f"{where} {value}: a target has at most four decimals, as 99.9999%")
    return found


def window_days(text: str, manifest: str, where: str, reading: Reading) -> int:
    """Whole days of a window such as 4w or 30d. One outside the limits becomes the nearest that a
    policy admits, which is said.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ManifestError(f"{where} {text!r} is not a duration")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    days = min(max(round(seconds / 86_400), MIN_DAYS), MAX_DAYS)
    if days * 86_400 != seconds:
        reading.lose(
            manifest,
            where,
            f"{text} becomes {days}d; a window has {MIN_DAYS} to {MAX_DAYS} whole days",
        )
    return days
