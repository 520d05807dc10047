"""One HTTP request to a receiver, as a value. Credentials and signatures are added by the sender,
which alone reads files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IDEMPOTENCY_HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A POST. `path` is added to the receiver's address."""

    body: bytes
    content_type: str = "application/json"
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(document: Any) -> bytes:
    """Compact JSON with sorted keys, so that the same message has the same bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
