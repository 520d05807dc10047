"""Ends containers as the kubelet does: SIGTERM, and SIGKILL once the grace is over."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

from anomaly_sandbox.node.context import Node

_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class Stopper:
    """`kill_at`: by process name, when its grace is over (Unix seconds)."""

    node: Node
    kill_at: dict[str, float] = field(default_factory=dict)

    async def stop(self, processes: Iterable[str], now: float, grace: float) -> None:
        """Moves each of these running processes on towards its end. `grace` in seconds; a
        later call may shorten it, as a second deletion does."""
        wanted = set(processes)
        self.kill_at = {name: at for name, at in self.kill_at.items() if name in wanted}
        for name in wanted:
            first = name not in self.kill_at
            self.kill_at[name] = min(self.kill_at.get(name, now + grace), now + grace)
            if now >= self.kill_at[name]:
                await self.node.control.signal(name, signal.SIGKILL)
                self.kill_at[name] = now + _AGAIN_SECONDS
            elif first:
                await self.node.control.signal(name, signal.SIGTERM)

    async def kill(self, processes: Iterable[str]) -> None:
        for name in processes:
            await self.node.control.signal(name, signal.SIGKILL)
