"""What the open browsers of one process share."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from anomaly_dashboard.live.event_stream import Pace
from anomaly_dashboard.live.fan_out import FanOut
from anomaly_dashboard.live.fragments import Fragments


@dataclass(frozen=True, slots=True)
class Live:
    """`key`: of this process, so that marks of another one never fit."""

    fan_out: FanOut = field(default_factory=FanOut)
    fragments: Fragments = field(default_factory=Fragments)
    pace: Pace = field(default_factory=Pace)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def mark(self, version: int) -> str:
        """A version of the store for a browser to bring back. It tells nothing but whether the
        store is another one by now: how much changes elsewhere is nobody's business."""
        return hashlib.blake2b(str(version).encode(), key=self.key, digest_size=12).hexdigest()
