"""Reads the API server's audit log and counts requests: what a client did, not what it says.

The log is written before the answer goes out, so a request that was answered is in it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 65_536
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request. `resource` has the sub-resource behind a slash."""

    user: str
    verb: str
    resource: str
    group: str
    namespace: str
    name: str
    code: int
    user_agent: str
    uri: str
    time: str

    @property
    def writes(self) -> bool:
        return self.verb in WRITES


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log from `offset` bytes on."""

    path: Path
    offset: int = 0

    def since_now(self) -> AuditLog:
        """The same log, from its present end on. A line that is being written counts as later: its
        request is not answered yet.
        """
        if not self.path.exists():
            return AuditLog(self.path)
        with self.path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            tail = b""
            while end > 0 and b"\n" not in tail:
                begin = max(0, end - _TAIL_BYTES)
                log.seek(begin)
                tail, end = log.read(end - begin), begin
        return AuditLog(self.path, end + tail.rfind(b"\n") + 1)

    def requests(
        self,
        *,
        user: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        namespace: str | None = None,
        writes: bool | None = None,
    ) -> list[Request]:
        """Requests that match everything given. `user` matches the end of the user's name, so
        `shop:operator` finds `system:serviceaccount:shop:operator`."""
        return [
            item
            for item in self._read()
            if (user is None or item.user.endswith(user))
            and (verb is None or item.verb == verb)
            and (resource is None or item.resource == resource)
            and (namespace is None or item.namespace == namespace)
            and (writes is None or item.writes == writes)
        ]

    def count(self, *, user: str | None = None, writes: bool | None = None) -> Counter[str]:
        """Requests by `verb resource`."""
        found = self.requests(user=user, writes=writes)
        return Counter(f"{item.verb} {item.resource}" for item in found)

    def _read(self) -> Iterator[Request]:
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(self.offset)
            for line in log:
                if not line.endswith(b"\n"):
                    return  # the server is writing it right now
                yield _request(line)


def _request(line: bytes) -> Request:
    event = json.loads(line)
    target = event.get("objectRef", {})
    parts = (target.get("resource", ""), target.get("subresource", ""))
    return Request(
        user=event.get("user", {}).get("username", ""),
        verb=event.get("verb", ""),
        resource="/".join(part for part in parts if part),
        group=target.get("apiGroup", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        user_agent=event.get("userAgent", ""),
        uri=event.get("requestURI", ""),
        time=event.get("requestReceivedTimestamp", ""),
    )
