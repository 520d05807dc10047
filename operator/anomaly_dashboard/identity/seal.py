"""What a form must bring back, so that no other site can post it with the browser's cookie.

The token is a keyed hash of the session, under a key that lives as long as the process. Each page
shows it under a mask of its own, as a compressed page that repeats a secret would give it away bit
by bit.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_BYTES = 32


class Seal:
    """Makes and checks the tokens of one process."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(_BYTES)

    def token(self, session: str) -> str:
        """Another text each time, of the same meaning."""
        mask = secrets.token_bytes(_BYTES)
        return base64.urlsafe_b64encode(mask + _xor(mask, self._digest(session))).decode()

    def holds(self, session: str, token: str) -> bool:
        """Whether `token` was made here for `session`."""
        try:
            raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return False
        if len(raw) != 2 * _BYTES:
            return False
        return hmac.compare_digest(_xor(raw[:_BYTES], raw[_BYTES:]), self._digest(session))

    def _digest(self, session: str) -> bytes:
        return hmac.new(self._key, session.encode(), hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
