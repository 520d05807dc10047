"""A secret that looks different in each answer.

Answers are compressed, and a length tells what of an answer repeats what else is in it (BREACH).
A token that is never written twice alike cannot be guessed that way.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode


def masked(token: str) -> str:
    """`token` under a random pad, as text for a form or a header."""
    plain = token.encode()
    pad = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(pad + _xor(plain, pad)).decode()


def unmasked(text: str) -> str:
    """The token of such a text; empty for a text that is none."""
    try:
        both = urlsafe_b64decode(text.encode("ascii"))
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode() if len(both) == 2 * half else ""
    except (binascii.Error, UnicodeError):
        return ""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
