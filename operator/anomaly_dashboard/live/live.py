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

    def mark(self) -> str:
        """What browsers were told so far, for one to bring back. It says nothing but whether more
        was told since: how much changes elsewhere is nobody's business."""
        told = str(self.fan_out.told).encode()
        return hashlib.blake2b(told, key=self.key, digest_size=12).hexdigest()
