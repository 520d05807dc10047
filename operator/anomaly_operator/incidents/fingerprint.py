"""Who an incident is: the same trouble of the same service has the same fingerprint for ever.

It depends on the service's uid and the pattern of the window that confirms it only, never on
severity, score or model, so an incident keeps its identity while it grows, and a service that is
deleted and created anew under the same name inherits nothing.
"""

from __future__ import annotations

from anomaly_operator.api.names import short_hash

FINGERPRINT_LENGTH = 12
"""48 bits: among 100,000 pairs of service and pattern a collision has a chance of 2e-5."""


def fingerprint(service_uid: str, opening_pattern: str) -> str:
    """12 hex digits of SHA-256 over uid and pattern."""
    return short_hash(service_uid, opening_pattern, length=FINGERPRINT_LENGTH)
