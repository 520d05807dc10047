"""What may name a folder on the volume.

Standard library only: a run that finds no new window must not load numpy.
"""

from __future__ import annotations

import re

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_REVISION = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


def is_uid(text: str) -> bool:
    """Whether `text` may name a service's folder: letters, digits and dashes alone."""
    return _UID.fullmatch(text) is not None


def is_revision(text: str) -> bool:
    """Whether `text` is `YYYYMMDD-HHMMSS-<6 hex>`."""
    return _REVISION.fullmatch(text) is not None
