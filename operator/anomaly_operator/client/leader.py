"""Leader election by a Lease, so that of several replicas one writes.

The election of the official package is not used: there a missing Lease raises, and a frozen
connection left two leaders for 29 s. Here every request has a timeout, the deadline is checked
before each write (`fence`) and not only by a timer, and a lost lease ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from anomaly_operator.api import resources
from anomaly_operator.api.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    LoginFailedError,
    NotLeaderError,
)
from anomaly_operator.client import lease
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.lease import Observation, Timing
from anomaly_operator.telemetry import logs

LEASE_NAME = "anomaly-operator"

logger = logging.getLogger(__name__)


def boot_time() -> float:
    """Monotonic seconds that go on while the machine sleeps.

    A plain monotonic clock stands still then, and a suspended leader would think itself in time.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Elector:
    """Takes and keeps the Lease `LEASE_NAME` of `namespace` under the name `identity`.

    `kube` must be a client of its own: a queue of other requests would delay a renewal.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        identity: str,
        timing: Timing | None = None,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._identity = identity
        self._timing = timing or Timing()
        self._clock = clock
        self._seen = Observation()
        self._held_until = float("-inf")

    @property
    def leads(self) -> bool:
        """True while the last renewal is younger than the deadline."""
        return self._clock() < self._held_until

    def fence(self) -> None:
        """Raise NotLeaderError unless we lead right now."""
        if not self.leads:
            raise NotLeaderError(
                f"Lease {LEASE_NAME} was not renewed in time; this replica stops writing"
            )

    async def acquire(self) -> None:
        """Wait until we lead. Errors of the API server only delay it."""
        while True:
            if await self._attempt():
                break
            await asyncio.sleep(self._timing.retry_period)
        logs.event(logger, logging.INFO, "leading", identity=self._identity)

    async def hold(self) -> None:
        """Renew until the lease is lost; then raise NotLeaderError."""
        while True:
            await asyncio.sleep(self._timing.retry_period)
            self.fence()
            await self._attempt()
            self.fence()

    async def release(self) -> None:
        """Give the lease up, at a normal end; a failure only costs the next one its wait."""
        if not self.leads:
            return
        with contextlib.suppress(ApiError, LoginFailedError, TimeoutError):
            async with asyncio.timeout(self._timing.request_timeout):
                live = await self._read()
                if live is not None and live["spec"].get("holderIdentity") == self._identity:
                    self._held_until = float("-inf")
                    spec = lease.released(live["spec"], time.time())
                    await self._kube.update({**live, "spec": spec})

    async def _attempt(self) -> bool:
        started = self._clock()
        try:
            async with asyncio.timeout(self._timing.request_timeout):
                if await self._take():
                    # Counted from before the request: others saw the record after that.
                    self._held_until = started + self._timing.renew_deadline
                    return True
        except (ApiError, LoginFailedError, TimeoutError) as error:
            reason = str(error) or "the API server did not answer in time"
            logs.event(logger, logging.WARNING, "lease not renewed", error=False, reason=reason)
        return False

    async def _take(self) -> bool:
        live = await self._read()
        record = None if live is None else dict(live.get("spec") or {})
        self._seen = self._seen.seen(record, self._clock())
        if self._seen.holder not in {"", self._identity}:
            # Our own deadline is for when we cannot read; here somebody else may write already.
            self._held_until = float("-inf")
        if not lease.may_take(self._seen, self._identity, self._clock()):
            return False
        spec = lease.taken(record, self._identity, self._timing, time.time())
        try:
            written = await self._write(live, spec)
        except (ConflictError, AlreadyExistsError):
            return False
        self._seen = self._seen.seen(dict(written["spec"]), self._clock())
        return True

    async def _read(self) -> dict[str, Any] | None:
        return await self._kube.get(resources.LEASE, self._namespace, LEASE_NAME)

    async def _write(self, live: dict[str, Any] | None, spec: dict[str, Any]) -> dict[str, Any]:
        if live is not None:
            return await self._kube.update({**live, "spec": spec})
        metadata = {"name": LEASE_NAME, "namespace": self._namespace}
        kind = {"apiVersion": resources.LEASE.api_version, "kind": resources.LEASE.kind}
        return await self._kube.create({**kind, "metadata": metadata, "spec": spec})
