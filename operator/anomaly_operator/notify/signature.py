"""The signature of a webhook: HMAC-SHA256 over the time and the body.

The time is signed so that a recorded message cannot be sent again later; a receiver refuses what is
older than some minutes, and compares in constant time.
"""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP_HEADER = "Anomaly-Operator-Timestamp"
SIGNATURE_HEADER = "Anomaly-Operator-Signature"
_VERSION = "v1"


def sign(key: bytes, timestamp: int, body: bytes) -> str:
    """Value of the signature header: `v1=` and the hex digest over `<unix seconds>.<body>`."""
    digest = hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"{_VERSION}={digest}"


def signed_headers(key: bytes, timestamp: int, body: bytes) -> dict[str, str]:
    """Both headers. `timestamp` in unix seconds."""
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: sign(key, timestamp, body)}
