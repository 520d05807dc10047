"""All messages of one receiver, one request at a time, in a task of its own: a receiver that is
slow or down delays its own messages and nothing else.

It keeps keys of incidents and no messages: what is sent is read from the cache right before, so a
message is never older than the object, and an edge that has passed in the meantime is not told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from anomaly_operator.api.errors import NotLeaderError
from anomaly_operator.delivery.backlog import Backlog, Queue
from anomaly_operator.delivery.desk import Desk, Item
from anomaly_operator.delivery.ledger import Ledger
from anomaly_operator.delivery.post import Poster
from anomaly_operator.notify.alertmanager import MAX_BATCH, Alert, alerts
from anomaly_operator.notify.edges import Failure, Mark
from anomaly_operator.notify.message import Message
from anomaly_operator.notify.outcome import Outcome, backoff
from anomaly_operator.notify.outgoing import Outgoing
from anomaly_operator.notify.owed import told
from anomaly_operator.notify.pace import pace
from anomaly_operator.notify.render import many, single
from anomaly_operator.observe.cache import Key
from anomaly_operator.settings.notifications import (
    NotificationSettings,
    Receiver,
    ReceiverType,
)
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics

TOLD_AFTER_FAILURES = 3
"""Attempts in a row before an object says that its receiver fails: some seconds are nobody's
concern."""
DEFECT_SECONDS = 30.0
GATHER_SECONDS = 0.2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Office:
    """What all couriers share. `fence` raises when this process may not lead any more."""

    settings: NotificationSettings
    desk: Desk
    ledger: Ledger
    poster: Poster
    metrics: Metrics
    fence: Callable[[], None] = lambda: None
    wall: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


class Courier:
    """`look` at an incident, and `run`."""

    def __init__(self, receiver: Receiver, office: Office) -> None:
        self._receiver, self._office = receiver, office
        self._backlog = Backlog(
            office.desk, receiver.name, keeps_active=self._reminds, defect=self._unreadable
        )
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._failures = 0
        self._blocked_until = -math.inf
        self._unsure: set[str] = set()
        self._sent: deque[float] = deque(maxlen=2 * office.settings.digest_above)
        self._held_until: float | None = None
        self._reminded: dict[Key, float] = {}
        self._waiting = 0

    @property
    def name(self) -> str:
        return self._receiver.name

    @property
    def pending(self) -> int:
        """Messages that were due at the last look and have not been taken."""
        return self._waiting

    def look(self, key: Key) -> None:
        """Something about the incident has changed."""
        self._backlog.changed(key)
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._news.clear()
            wait = await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(wait) else max(wait, 0.0)):
                    await self._news.wait()
                # Incidents of one cause come together; so do those of a flood.
                await asyncio.sleep(GATHER_SECONDS)

    async def close(self) -> None:
        """Begin no more requests, and wait for the one under way."""
        self._closing = True
        await self._idle.wait()

    async def step(self) -> float:
        """One look and what it leads to; seconds until the next one without news."""
        if self._closing:
            return math.inf
        self._idle.clear()
        try:
            return await self._step()
        except NotLeaderError:
            return 1.0  # the process is about to end
        except Exception as error:  # noqa: BLE001 - a defect in one message stops no other receiver
            self._defect(error)
            return DEFECT_SECONDS
        finally:
            self._idle.set()

    async def _step(self) -> float:
        queue = self._backlog.look(self._office.wall(), self._office.clock())
        self._waiting = len(queue.due)
        blocked = self._blocked_until - self._office.clock()
        if blocked > 0:
            return blocked if queue.due or queue.active else math.inf
        if self._reminds:
            more = await self._send_alerts(queue)
        else:
            more = await self._send_messages(queue.due)
        return min(queue.wait, more)

    @property
    def _reminds(self) -> bool:
        return self._receiver.type is ReceiverType.ALERTMANAGER

    async def _send_messages(self, due: Sequence[Item]) -> float:
        clock = self._office.clock()
        plan = pace(
            len(due), self._sent, self._office.settings.digest_above, clock, self._held_until
        )
        self._held_until = plan.hold_until
        if plan.hold_until is not None:
            return plan.hold_until - clock
        now, kind = int(self._office.wall()), self._receiver.type
        for item in due[: plan.single]:
            if self._closing:
                return math.inf
            self._sent.append(clock)
            composed = await self._composed([item], now)
            if composed and not await self._send(single(kind, composed[0][1]), [item], now):
                return self._blocked_until - self._office.clock()
        if plan.digest:
            self._sent.extend([clock] * self._office.settings.digest_above)
            composed = await self._composed(due[: plan.digest], now)
            chosen, messages = [one[0] for one in composed], [one[1] for one in composed]
            if messages and not await self._send(many(kind, messages, now), chosen, now):
                return self._blocked_until - self._office.clock()
        return 0.0 if due else math.inf

    async def _send_alerts(self, queue: Queue) -> float:
        """What is due, and what Alertmanager would otherwise take for resolved."""
        clock, every = self._office.clock(), self._office.settings.resend_seconds
        ends = {item.key: self._reminded.get(item.key, -math.inf) + every for item in queue.active}
        stale = [item for item in queue.active if ends[item.key] <= clock]
        chosen = [*queue.due, *stale][:MAX_BATCH]
        if not chosen:
            return min(ends.values(), default=math.inf) - clock
        await self._post_alerts(chosen)
        return max(self._blocked_until - self._office.clock(), 0.0)

    async def _post_alerts(self, chosen: Sequence[Item]) -> None:
        now = int(self._office.wall())
        composed = await self._composed(chosen, now)
        chosen = [item for item, _ in composed]
        listed = [Alert(message, item.mark) for item, message in composed]
        if not listed:
            return
        outgoing = alerts(listed, self._office.settings.resend_seconds, now)
        done = await self._send(outgoing, chosen, now)
        clock = self._office.clock()
        if done:
            going_on = {item.key for item in chosen if item.subject.running}
            over = {item.key for item in chosen} - going_on
            kept = {key: at for key, at in self._reminded.items() if key not in over}
            self._reminded = kept | dict.fromkeys(going_on, clock)
        elif self._blocked_until <= clock:
            # One of them is refused: the others must not suffer for it.
            for item in chosen:
                await self._post_alerts([item])

    async def _composed(self, items: Sequence[Item], now: int) -> list[tuple[Item, Message]]:
        """With their messages. One that cannot be put into words is left out until it changes."""
        composed = []
        reports = self._receiver.type in {ReceiverType.WEBHOOK, ReceiverType.CLOUD_EVENTS}
        for item in items:
            # There may be hundreds, and incidents are folded in between.
            await asyncio.sleep(0)
            try:
                composed.append((item, self._office.desk.message(item, now, reports=reports)))
            except Exception as error:  # noqa: BLE001 - see `_read`
                self._backlog.drop(item.key)
                self._unreadable(error, item.key)
        return composed

    async def _send(self, outgoing: Outgoing, items: Sequence[Item], now: int) -> bool:
        """Whether the receiver has taken it, or will not take it as it is; False: try again. Of
        several alerts that are refused together, each is to be tried alone.
        """
        self._office.fence()
        outcome = await self._office.poster.post(self._receiver, outgoing)
        keys = {item.idempotency for item in items if item.edge}
        if outcome.failure is None:
            self._delivered(items, keys, now)
            return True
        self._failed(outcome, items, keys)
        alone = len(items) == 1 or not self._reminds
        return outcome.failure is Failure.REFUSED and alone

    def _delivered(self, items: Sequence[Item], keys: set[str], now: int) -> None:
        self._failures = 0
        if keys:
            self._count("repeated" if keys & self._unsure else "delivered")
        self._unsure -= keys
        for item in items:
            if item.edge is not None:
                mark = told(item.subject, item.edge, self.name, now)
                self._office.ledger.note(item.anomaly, mark)
                self._backlog.accepted(item)
                self._log(
                    logging.INFO, "notified", edge=item.edge.value,
                    namespace=item.key[1], name=item.key[2],
                )  # fmt: skip
        self._waiting = max(self._waiting - len(keys), 0)

    def _failed(self, outcome: Outcome, items: Sequence[Item], keys: set[str]) -> None:
        assert outcome.failure is not None
        if outcome.ambiguous:
            self._unsure |= keys
        clock = self._office.clock()
        if outcome.failure is Failure.REFUSED:
            self._count("refused")
            if len(items) > 1 and self._reminds:
                return  # each is tried alone, which tells whose fault it is
            self._backlog.refused(keys, clock)
        else:
            self._count("failed")
            self._failures += 1
            delay = max(backoff(self._failures, self._office.chance()), outcome.retry_after)
            self._blocked_until = clock + delay
        self._log(
            logging.WARNING, "notification failed", reason=outcome.failure.value,
            detail=outcome.detail, messages=len(keys),
        )  # fmt: skip
        if outcome.failure is Failure.REFUSED:
            for item in items:
                self._say_failing(item, outcome)
        elif self._failures >= TOLD_AFTER_FAILURES:
            # What holds up this message holds up the others too.
            for item in self._backlog.due_by(self._office.wall()):
                self._say_failing(item, outcome)

    def _say_failing(self, item: Item, outcome: Outcome) -> None:
        """On the object, unless it says already that the receiver fails in a way that may pass."""
        if item.edge is None:
            return
        mark = item.mark or Mark(self.name)
        passing = outcome.failure is not Failure.REFUSED
        if passing and mark.failure not in {None, Failure.REFUSED}:
            return
        said = replace(mark, failure=outcome.failure, detail=outcome.detail)
        self._office.ledger.note(item.anomaly, said)

    def _unreadable(self, error: Exception, key: Key) -> None:
        self._defect(error, namespace=key[1], name=key[2])

    def _defect(self, error: Exception, **fields: object) -> None:
        text = f"{type(error).__name__}: {error}"
        self._log(logging.ERROR, "defect", error=True, reason=text, **fields)

    def _count(self, result: str) -> None:
        self._office.metrics.notifications.labels(self.name, result).inc()

    def _log(self, level: int, message: str, *, error: bool = False, **fields: object) -> None:
        logs.event(logger, level, message, error=error, receiver=self.name, **fields)
