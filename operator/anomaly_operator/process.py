"""One operator process from its start to its end: standing by, leading, leaving.

The order at the end matters: no more work, then the last Events, then the Lease. Losing the Lease
ends the process at once, because two that write are worse than none for a moment.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from anomaly_operator.api.errors import OperatorError
from anomaly_operator.client.account_token import AccountLogin
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.leader import Elector
from anomaly_operator.client.lease import Timing
from anomaly_operator.client.login import Login
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.loop import Controller, Reconcilers
from anomaly_operator.controller.recorder import Recorder
from anomaly_operator.controller.suspender import Suspender
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.delivery.notifier import Notifier
from anomaly_operator.observe.cache import Cache, Change, Key
from anomaly_operator.observe.crowded import Crowded
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.relist import Relister
from anomaly_operator.observe.watch import Watch
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.health import Health, Servers, health_routes, metrics_routes
from anomaly_operator.telemetry.metrics import Metrics

FINISH_SECONDS = 8.0
"""For a reconcile under way when the process is told to end; a pod has 30 s in all."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """`namespace` is that of the Lease; empty means that of the login."""

    settings: Settings
    login: Login
    reconcilers: Reconcilers
    namespace: str = ""
    elect: bool = True
    metrics_bind: str = "127.0.0.1:0"
    health_bind: str = "127.0.0.1:0"
    version: str = "unknown"


async def run(options: Options) -> int:
    """Run until SIGTERM or SIGINT (0), or until the lease or a part of us is lost (1)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics(options.version)
    health = Health(max_silence=3 * options.settings.watch.inactivity_seconds)
    servers = Servers()
    ticking = asyncio.create_task(health.tick())
    try:
        metrics_address = await servers.serve(options.metrics_bind, metrics_routes(metrics))
        health_address = await servers.serve(options.health_bind, health_routes(health))
        _say("serving", metrics=metrics_address, health=health_address)
        await _Replica(options, metrics, health).live(stop)
    except (OperatorError, OSError) as error:
        logs.event(logger, logging.ERROR, "ending", reason=str(error))
        return 1
    finally:
        ticking.cancel()
        await servers.close()
    _say("ended")
    return 0


class _Replica:
    """Stands by, leads, leaves."""

    def __init__(self, options: Options, metrics: Metrics, health: Health) -> None:
        self._options = options
        self._metrics = metrics
        self._health = health
        self._identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"

    async def live(self, stop: asyncio.Event) -> None:
        if not self._options.elect:
            await self._lead(stop, None)
            return
        options = self._options
        namespace = options.namespace or (await options.login.connect()).namespace
        timing = Timing()
        # A client of its own: no other request delays a renewal, and no fence stops a release.
        kube = self._kube(TokenBucket(5.0, 10), timeout=timing.request_timeout)
        elector = Elector(kube, namespace, self._identity, timing)
        try:
            if await _unless(stop, elector.acquire()):
                await self._lead(stop, elector)
        finally:
            await elector.release()
            await kube.close()

    async def _lead(self, stop: asyncio.Event, elector: Elector | None) -> None:
        self._health.leading = True
        self._metrics.leader.set(1)
        settings = self._options.settings
        fence = None if elector is None else elector.fence
        kube = self._kube(TokenBucket(settings.qps, settings.burst), fence=fence)
        suspender = self._suspender(kube, fence) if settings.suspend.enabled else None
        recorder = Recorder(kube, self._metrics, self._identity)
        parts = [asyncio.create_task(recorder.run())]
        if elector is not None:
            parts.append(asyncio.create_task(elector.hold()))
        work = asyncio.create_task(self._work(stop, kube, recorder, fence, suspender))
        try:
            await asyncio.wait({work, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for task in (*parts, work):
                if task.done():
                    task.result()
            await recorder.drain(2.0)
        finally:
            await _cancel(work, *parts)
            await kube.close()
            if suspender is not None:
                await suspender.close()

    async def _work(
        self,
        stop: asyncio.Event,
        kube: Kube,
        recorder: Recorder,
        fence: Callable[[], None] | None,
        suspender: Kube | None,
    ) -> None:
        """Fill the cache, then watch and reconcile until told to stop."""
        options, settings = self._options, self._options.settings
        cache = Cache()
        queue: WorkQueue[Key] = WorkQueue(time.monotonic, group=itemgetter(1))
        controller = Controller(
            settings=settings,
            cache=cache,
            queue=queue,
            recorder=recorder,
            metrics=self._metrics,
            reconcilers=options.reconcilers,
        )
        listeners: list[Callable[[Change], None]] = [controller.changed]
        intake = Intake(cache, lambda change: _tell(listeners, change), Crowded(self._metrics))
        notifier = Notifier(
            settings=settings,
            cache=cache,
            kube=kube,
            intake=intake,
            metrics=self._metrics,
            fence=fence,
        )
        executor = Executor(
            kube, intake, Suspender(suspender) if suspender else None, post=recorder.post
        )
        relister = Relister(kube, cache, intake, self._metrics, settings.watch_namespaces)
        if not await _unless(stop, relister.first()):
            return
        _say("caches filled", objects=len(cache))
        self._health.synced = True
        controller.start()
        listeners.append(notifier.changed)
        watch = Watch(
            options.login,
            intake,
            self._metrics,
            settings.watch,
            settings.watch_namespaces,
            request_relist=relister.request_relist,
        )
        watch.start()
        self._health.silence = watch.silence
        tasks = [
            asyncio.create_task(relister.keep(settings.watch.relist_seconds)),
            asyncio.create_task(notifier.run()),
            *(asyncio.create_task(controller.work(executor)) for _ in range(settings.concurrency)),
        ]
        try:
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            await controller.drain(FINISH_SECONDS)
            await notifier.drain(3.0)
            await watch.join(3.0)
        finally:
            watch.stop()
            await _cancel(stopped, *tasks)

    def _suspender(self, kube: Kube, fence: Callable[[], None] | None) -> Kube:
        """Logged in as the account that may suspend training workloads."""
        options, bucket = self._options, TokenBucket(5.0, 10)
        account = options.settings.suspend.account
        login = AccountLogin(options.login, kube, account, options.namespace)
        return Kube(Transport(login, bucket, fence=fence, observe=self._metrics.request))

    def _kube(
        self, bucket: TokenBucket, *, timeout: float = 15.0, fence: Callable[[], None] | None = None
    ) -> Kube:
        return Kube(
            Transport(
                self._options.login,
                bucket,
                timeout=timeout,
                fence=fence,
                observe=self._metrics.request,
            ),
            left_out=self._metrics.leave_out,
        )


def _tell(listeners: list[Callable[[Change], None]], change: Change) -> None:
    for listener in listeners:
        listener(change)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Wait for `work`, but no longer than until `stop`; was it finished?"""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task.done()
    finally:
        await _cancel(task, stopped)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _say(message: str, **fields: Any) -> None:
    logs.event(logger, logging.INFO, message, **fields)
