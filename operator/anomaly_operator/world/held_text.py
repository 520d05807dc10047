"""What the cache holds of a ConfigMap's text: itself where it is short, else its digest.

The digest is an object of JSON, where the API server admits nothing but text: nobody can write one
into a ConfigMap and have other text pass for ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

LONGEST = 4 * 2**10
"""Characters held as they are; the served revision, which is read, has some 300."""


def held_text(text: str) -> str | dict[str, str]:
    return text if len(text) <= LONGEST else _digest(text)


def same_text(rendered: str, held: Mapping[str, Any]) -> bool:
    """Whether `held` is the digest of `rendered`."""
    return dict(held) == _digest(rendered)


def _digest(text: str) -> dict[str, str]:
    # A live text may hold lone surrogates, which JSON admits.
    return {"sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()}
