"""One person in front of a browser, as the API server knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.resources import Resource
from anomaly_operator.client.login import Login


@dataclass(frozen=True, slots=True)
class Caller:
    """`login`: the caller's own credentials, None for somebody known by a proxy's headers alone,
    who may read and never write. `csrf`: what a form of this session must bring back. `key`: equal
    for the same person with the same session, and no secret."""

    name: str
    key: str
    csrf: str
    groups: tuple[str, ...] = ()
    login: Login | None = None

    @property
    def read_only(self) -> bool:
        return self.login is None


class NotSignedInError(Exception):
    """The request comes from nobody; it is answered with the page to sign in."""


class Entrance(Protocol):
    """Knows who asks and what they may do."""

    async def caller(self, request: HTTPConnection) -> Caller:
        """Who asks. Raises NotSignedInError."""

    def trusts(self, caller: Caller, csrf: str) -> bool:
        """Whether a form with that token was shown to the caller's own session."""

    async def sight(self, caller: Caller) -> Sight:
        """What the caller may list, as the API server said at most half a minute ago."""

    async def may(
        self, caller: Caller, verb: str, resource: Resource, namespace: str, name: str = ""
    ) -> bool:
        """Whether the API server would let the caller do that; False for who is read-only and
        wants to write."""
