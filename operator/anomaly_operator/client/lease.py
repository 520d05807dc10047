"""Who may lead, decided from what the Lease says and when we saw it change: no clock is compared.

Clocks of two nodes differ, so the times in a Lease are only shown to people. A holder has lost it
when its record has not changed for the lease's length by our own monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anomaly_operator.api.text import micro_time


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. The leader gives up after `renew_deadline` without a renewal, others wait for
    `duration`: in between nobody leads. Defaults are those of the Kubernetes components.
    """

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    request_timeout: float = 4.0


@dataclass(frozen=True, slots=True)
class Observation:
    """The Lease as last seen; `since`: monotonic time at which this very record appeared."""

    record: Mapping[str, Any] | None = None
    since: float = 0.0

    def seen(self, record: Mapping[str, Any] | None, now: float) -> Observation:
        return self if record == self.record else replace(self, record=record, since=now)

    @property
    def holder(self) -> str:
        return str((self.record or {}).get("holderIdentity") or "")


def may_take(seen: Observation, identity: str, now: float) -> bool:
    """Free, released, ours already, or not renewed for as long as its holder promised."""
    if seen.record is None or seen.holder in {"", identity}:
        return True
    promised = float(seen.record.get("leaseDurationSeconds") or 0)
    return now - seen.since > promised


def taken(
    record: Mapping[str, Any] | None, identity: str, timing: Timing, wall: float
) -> dict[str, Any]:
    """The Lease's spec with us as holder; `wall` in unix seconds, for people to read."""
    before = dict(record or {})
    moment = micro_time(wall)
    fresh = before.get("holderIdentity") != identity
    spec = {
        **before,
        "holderIdentity": identity,
        "leaseDurationSeconds": round(timing.duration),
        "renewTime": moment,
    }
    if fresh:
        spec["acquireTime"] = moment
        spec["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + bool(record)
    return spec


def released(record: Mapping[str, Any], wall: float) -> dict[str, Any]:
    """The Lease's spec without a holder: the next one need not wait."""
    return {
        **record,
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": micro_time(wall),
    }
