"""One JSON object a line on standard error: the runtime's only log.

The standard `logging` package costs the scoring pod more start-up time than it is worth. Strings
are JSON-escaped, so that nothing from a query, a file or a remote message can forge a line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(level: str, event: str, **fields: object) -> None:
    """Write one event; `event` is a fixed phrase, what varies goes into `fields`."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"time": stamp, "level": level, "event": event, **fields}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)
