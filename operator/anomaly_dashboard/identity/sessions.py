"""Who is signed in. Sessions and their tokens are kept in memory alone and end with the process.

A session is found by the hash of its id, so that looking it up takes no longer for a good guess.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from anomaly_operator.client.login import Login

LIFE_SECONDS = 8 * 3600.0
IDLE_SECONDS = 3600.0
MOST = 10_000
MOST_OF_ONE = 20
"""Sessions of one person; one more ends the one that was not used for the longest time."""


@dataclass(slots=True)
class Session:
    """`key` is no secret. `ends`, `used`: seconds of the caller's clock; `idle`: seconds without a
    request that end it."""

    key: str
    name: str
    groups: tuple[str, ...]
    login: Login
    ends: float
    used: float
    idle: float


class Sessions:
    """All sessions, in the order of their last use."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(
        self,
        name: str,
        groups: tuple[str, ...],
        login: Login,
        now: float,
        *,
        ends: float,
        idle: float = IDLE_SECONDS,
    ) -> str:
        """A new session; its id, which only the browser keeps."""
        self._sweep(now)
        own = [key for key, one in self._sessions.items() if one.name == name]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._sessions[key]
        while len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]
        identity = secrets.token_urlsafe(32)
        key = key_of(identity)
        self._sessions[key] = Session(key, name, groups, login, ends, now, idle)
        return identity

    def find(self, identity: str, now: float) -> Session | None:
        """The session of that id, which counts as used by that; None where it is over."""
        key = key_of(identity)
        one = self._sessions.pop(key, None)
        if one is None or _over(one, now):
            return None
        one.used = now
        self._sessions[key] = one
        return one

    def close(self, key: str) -> None:
        """End the session of that key, if there is one."""
        self._sessions.pop(key, None)

    def _sweep(self, now: float) -> None:
        for key in [key for key, one in self._sessions.items() if _over(one, now)]:
            del self._sessions[key]


def key_of(secret: str) -> str:
    """What stands for a session or token where the secret itself must not."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _over(one: Session, now: float) -> bool:
    return now >= one.ends or now >= one.used + one.idle
