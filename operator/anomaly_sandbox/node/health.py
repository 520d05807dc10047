"""Watches the probes of one run of a container and keeps what they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from anomaly_sandbox.node.probes import Timing

Json = dict[str, Any]
Check = Callable[[Json], Awaitable[str]]
Failed = Callable[[str, str], None]


@dataclass(slots=True)
class Health:
    """`started` and `ready` as the status shows them; `unhealthy` asks for a restart.

    `changed` is called when any of them changes; `failed` with the probe's name and the cause.
    """

    container: Json
    started_at: float
    check: Check
    changed: Callable[[], None]
    failed: Failed
    started: bool = False
    ready: bool = False
    unhealthy: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self, *, was_started: bool, was_ready: bool) -> None:
        """Starts probing. `was_*` carry over what the status said before an agent's restart."""
        self.started = was_started or "startupProbe" not in self.container
        self.ready = self.started and (was_ready or "readinessProbe" not in self.container)
        self._tasks = [asyncio.create_task(self._follow())]

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _follow(self) -> None:
        if not self.started:
            if not await self._startup(self.container["startupProbe"]):
                return
            self.started = True
            self.ready = "readinessProbe" not in self.container
            self.changed()
        for name, follow in (
            ("readinessProbe", self._readiness),
            ("livenessProbe", self._liveness),
        ):
            if name in self.container:
                self._tasks.append(asyncio.create_task(follow(self.container[name])))

    async def _startup(self, probe: Json) -> bool:
        timing = Timing.of(probe)
        await self._initial_delay(timing)
        for _ in range(timing.failures):
            cause = await self.check(probe)
            if not cause:
                return True
            self.failed("Startup", cause)
            await asyncio.sleep(timing.period)
        self._restart()
        return False

    async def _readiness(self, probe: Json) -> None:
        timing = Timing.of(probe)
        await self._initial_delay(timing)
        successes = failures = 0
        while True:
            cause = await self.check(probe)
            successes, failures = (0, failures + 1) if cause else (successes + 1, 0)
            if cause and self.ready:
                self.failed("Readiness", cause)
            if successes >= timing.successes or failures >= timing.failures:
                ready = failures == 0
                if ready != self.ready:
                    self.ready = ready
                    self.changed()
            # A container that comes up should not wait a whole period to be seen ready.
            await asyncio.sleep(timing.period if self.ready else min(1.0, timing.period))

    async def _liveness(self, probe: Json) -> None:
        timing = Timing.of(probe)
        await self._initial_delay(timing)
        failures = 0
        while failures < timing.failures:
            cause = await self.check(probe)
            failures = failures + 1 if cause else 0
            if cause:
                self.failed("Liveness", cause)
            if failures < timing.failures:
                await asyncio.sleep(timing.period)
        self._restart()

    async def _initial_delay(self, timing: Timing) -> None:
        await asyncio.sleep(max(0.0, self.started_at + timing.initial_delay - time.time()))

    def _restart(self) -> None:
        self.unhealthy = True
        self.ready = False
        self.changed()
