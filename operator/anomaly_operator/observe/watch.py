"""kopf as watch and dispatch layer: events go to the intake, nothing else happens here.

It tells what changes, never what is there: its lists come without items (`client.watch_session`).
Only `on.event`, so that no annotation and no finalizer gets onto any object. kopf has a thread
and an event loop of its own: it cancels every task of its loop when it ends, and an error of the
API server that it does not expect ends it; here it is restarted and the cache stays.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from anomaly_operator.api import names, resources
from anomaly_operator.client.login import Connection, Login
from anomaly_operator.client.watch_session import LIMIT, renewal, watch_session
from anomaly_operator.observe.absent import absent
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.read import metadata
from anomaly_operator.observe.relist import WATCHED_LABEL
from anomaly_operator.observe.watch_count import WatchCount
from anomaly_operator.settings.values import WatchSettings
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics

# Where the package is installed, kopf loads its generated client (19 MiB, 0.4 s) to recognize its
# models among the objects given to it; it is given none.
with absent("kubernetes"):
    import kopf

MAX_PAUSE = 30.0
ENDING_SECONDS = 10.0
"""For kopf to end by itself, which takes a few seconds. When one of its watches fails for good, as
with 404 after a CRD was deleted, it waits for the others, which may swallow its one cancellation.
"""
_WATCHER = "watcher for "
"""Begins the names of kopf's tasks of which each keeps one watch; none ends while all is well. It
is the one thing here that kopf does not promise, hence the bound on its version in pyproject.toml.
"""
_NEEDED = frozenset({"apiVersion", "kind", "metadata"})
_HEAVY = ("annotations", "labels", "managedFields", "ownerReferences")

logger = logging.getLogger(__name__)


class Watch:
    """Feeds `intake` in the running loop from kopf's thread. `start` once, then `stop`.

    `request_relist` is called once every kind is watched, and when a watch begins anew: what
    happened before, a watch does not tell. `complete`: every kind is watched.
    """

    def __init__(
        self,
        login: Login,
        intake: Intake,
        metrics: Metrics,
        settings: WatchSettings,
        namespaces: Collection[str] = (),
        *,
        request_relist: Callable[[], None] | None = None,
    ) -> None:
        self.complete = False
        self._relist = request_relist
        self._login = login
        self._intake = intake
        self._metrics = metrics
        self._settings = settings
        self._namespaces = tuple(namespaces)
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="watch", daemon=True)
        self._alive_at = time.monotonic()
        self._count = self._counted()
        self._sessions: list[aiohttp.ClientSession] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the watches to end; the thread is a daemon and delays no exit."""
        self._stop.set()

    async def join(self, seconds: float) -> None:
        """End the watches and wait for them, at most `seconds`."""
        self.stop()
        await asyncio.to_thread(self._thread.join, seconds)

    def silence(self) -> float:
        """Seconds since kopf's event loop last ran."""
        return time.monotonic() - self._alive_at

    def _supervise(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                asyncio.run(self._run())
            except Exception as error:  # noqa: BLE001 - whatever ends kopf, the cure is the same
                text = f"{type(error).__name__}: {error}"
                logs.event(logger, logging.WARNING, "watch ended", reason=text)
            if self._stop.is_set():
                return
            self._metrics.watch_restarts.inc()
            self._request_relist()
            pause = 1.0 if time.monotonic() - started > 2 * MAX_PAUSE else min(pause * 2, MAX_PAUSE)
            self._alive_at = time.monotonic() + pause
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _run(self) -> None:
        # An event of this loop: kopf would wait for one of threads in a thread that never ends.
        stop = asyncio.Event()
        self._count = self._counted()
        check = asyncio.create_task(self._check())
        watching = asyncio.create_task(
            kopf.operator(
                registry=self._registry(),
                settings=kopf_settings(self._settings),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=stop,
                # Its name in peering, which is off; else it would look its host up.
                identity=names.MANAGED_BY,  # type: ignore[arg-type]
            )
        )
        try:
            await asyncio.wait({check, watching}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await asyncio.wait({watching}, timeout=ENDING_SECONDS)
        finally:
            check.cancel()
            await _cancel_stubborn(watching)
            for session in self._sessions:
                await session.close()
            # Connections are closed in the turns of the loop after their session.
            await asyncio.sleep(0.1)

    async def _check(self) -> None:
        """Until told to stop, or until kopf watches less than it should.

        kopf asks once what the server serves, and begins all its watches together. A server that is
        just starting does not name all kinds, and kopf would never ask again.
        """
        self.complete = False
        while not self._stop.is_set():
            self._alive_at = time.monotonic()
            await asyncio.sleep(0.5)
            names = {task.get_name() for task in asyncio.all_tasks()}
            watched = sorted(name for name in names if name.startswith(_WATCHER))
            if self._count.count(len(watched), time.monotonic()):
                self._request_relist()
            if self._count.broken:
                text = "watch broke off" if self.complete else "not every kind is watched yet"
                self.complete = False
                wanted = self._count.wanted
                logs.event(logger, logging.WARNING, text, watched=watched, wanted=wanted)
                return
            self.complete = self._count.complete

    def _counted(self) -> WatchCount:
        wanted = len(resources.WATCHED) * max(1, len(set(self._namespaces)))
        return WatchCount(wanted, time.monotonic())

    def _listed(self, path: str) -> None:
        if self._count.listed(path):
            self._request_relist()

    def _request_relist(self) -> None:
        if self._relist is not None:
            self._loop.call_soon_threadsafe(self._relist)

    def _registry(self) -> Any:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            connection = await self._login.connect()
            session = watch_session(connection, self._listed)
            self._sessions = [one for one in self._sessions if not one.closed] + [session]
            return credentials(connection, session, time.time())

        for resource in resources.WATCHED:

            @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
            async def changed(event: Mapping[str, Any], **_: Any) -> None:
                self._take(event)

        return registry

    def _take(self, event: Mapping[str, Any]) -> None:
        raw = event["object"]
        if event["type"] == "DELETED":
            self._loop.call_soon_threadsafe(self._intake.remove, metadata(raw))
            _lighten(raw)
            return
        value = self._intake.read(raw)
        _lighten(raw)
        if value is not None:
            self._loop.call_soon_threadsafe(self._intake.put, value)


def _lighten(raw: dict[str, Any]) -> None:
    """Empty an object that was read: kopf holds on to it for a while."""
    for key in raw.keys() - _NEEDED:
        del raw[key]
    found = raw.get("metadata")
    if isinstance(found, dict):
        for key in _HEAVY:
            found.pop(key, None)


async def _cancel_stubborn(watching: asyncio.Task[None]) -> None:
    """Cancel `watching` and all its tasks until they end; raises what `watching` raised. Should
    they never end, `silence` grows until the liveness probe has the process restarted.
    """
    current = asyncio.current_task()
    while left := asyncio.all_tasks() - {current}:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.5)
    if not watching.cancelled():
        watching.result()


class _NoProgress(kopf.ProgressStorage):
    """kopf keeps no progress: our handlers have none."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


class _NoDiff(kopf.DiffBaseStorage):
    """kopf keeps no last configuration, and computes none (a quarter of an event's cost)."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def kopf_settings(watch: WatchSettings) -> kopf.OperatorSettings:
    """kopf never writes, never scans for more than it was told, never trusts a silent watch."""
    settings = kopf.OperatorSettings()
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiff()
    settings.persistence.consistency_timeout = 0
    settings.persistence.finalizer = f"{names.GROUP}/never"
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 2.0
    settings.watching.inactivity_timeout = watch.inactivity_seconds
    settings.watching.server_timeout = round(watch.server_timeout_seconds)
    settings.watching.client_timeout = watch.server_timeout_seconds + 30
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 0.2
    settings.watching.chunk_size = LIMIT
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = (1, 2, 4, 8)
    settings.networking.enforce_retry_after = True
    # It would send SIGKILL to the whole process when only a watch ends slowly.
    settings.process.ultimate_exiting_timeout = None
    for resource in resources.CHILDREN:
        settings.watching.label_selectors[resource.group, resource.version, resource.plural] = (
            WATCHED_LABEL
        )
    return settings


@dataclass(frozen=True, kw_only=True)
class _Credentials(kopf.AiohttpSession):
    """Equal where the connection is, so that kopf knows those again that were refused."""

    aiohttp_session: aiohttp.ClientSession = field(compare=False)
    connection: Connection


def credentials(
    connection: Connection, session: aiohttp.ClientSession, now: float
) -> kopf.AiohttpSession:
    """For kopf, which closes the session and asks anew a good while before the token ends."""
    return _Credentials(
        server=connection.server,
        aiohttp_session=session,
        connection=connection,
        default_namespace=connection.namespace or None,
        expiration=renewal(connection, now),
    )
