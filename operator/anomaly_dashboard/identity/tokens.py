"""People who send their token with each request, and how the API server knows them.

An answer is remembered for half a minute by the hash of the token, also that a token is none: a
browser that asks on with one that ended costs the API server two requests a minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from anomaly_dashboard.identity.lines import Lines, TokenLogin
from anomaly_dashboard.identity.people import Person, known_as
from anomaly_dashboard.identity.sessions import key_of
from anomaly_operator.api.errors import UnauthorizedError

FRESH_SECONDS = 30.0
LONGEST = 16_384
"""Characters of a token; longer ones are not asked about."""
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    person: Person | None
    asked: float


class Tokens:
    """Asks the API server whose a token is."""

    def __init__(self, lines: Lines, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def login(self, token: str) -> TokenLogin:
        """The login with that token."""
        return TokenLogin(self._lines.own, token)

    def known(self, token: str) -> tuple[bool, Person | None]:
        """Whether that was asked a moment ago, and the person then, None where it is nobody's."""
        found = self._known.get(key_of(token))
        if found is None or self._clock() - found.asked >= FRESH_SECONDS:
            return False, None
        return True, found.person

    async def person(self, token: str) -> Person | None:
        """Whose the token is, None where the API server does not accept it. Raises ApiError,
        LoginFailedError."""
        if not fit(token):
            return None
        key, asked = key_of(token), self._clock()
        person: Person | None
        try:
            async with self._lines.under(key, self.login(token)) as transport:
                person = await known_as(transport)
        except UnauthorizedError:
            person = None
        if person is not None and "system:unauthenticated" in person.groups:
            person = None
        self._known.pop(key, None)
        self._known[key] = _Known(person, asked)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return person

    def forget(self, key: str) -> None:
        """Ask again about the token of that key."""
        self._known.pop(key, None)


def fit(token: str) -> bool:
    """Whether it may stand in a header at all."""
    return 0 < len(token) <= LONGEST and all("!" <= one <= "~" for one in token)
