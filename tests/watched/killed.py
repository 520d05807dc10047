"""An operator that is killed at its writes, and a namespace in which it has nothing to write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator


class Reaper:
    """Kills the operator at its `nth` write, every time it was started again."""

    def __init__(self, operator: LocalOperator, proxy: Any, nth: int, moment: str) -> None:
        self.deaths: list[str] = []
        self._operator = operator
        self._nth, self._moment = nth, moment
        self._lock = threading.Lock()
        self._count = 0
        self._killed = False
        proxy.on_write = self

    def __call__(self, moment: Any, what: str) -> bool:
        with self._lock:
            if moment.value != self._moment:
                return False
            self._count += 1
            if self._count != self._nth:
                return False
            self._operator.process.kill()
            self._killed = True
            self.deaths.append(what)
            return True

    def until(self, done: Callable[[], Any], seconds: float) -> None:
        """Start the operator again after each death until `done`."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.deaths
            self._revive()
            time.sleep(0.1)

    def rest(self) -> None:
        """Kill no more; return when an operator is there that knows the whole world."""
        with self._lock:
            self._nth = 0
        self._revive()
        self._operator.wait_until_leading()

    def _revive(self) -> None:
        # Not by a look at the process: one that was just killed may live a moment longer.
        if not self._killed:
            return
        self._operator.process.wait()
        with self._lock:
            self._count = 0
            self._killed = False
            self._operator.start()


def settled(cluster: Sandbox, namespace: str) -> bool:
    """No write to the namespace's objects by the operator for two seconds."""
    log = cluster.audit().since_now()
    time.sleep(2.0)
    writes = log.requests(namespace=namespace, writes=True)
    return not [item for item in writes if item.user_agent == names.MANAGED_BY]
