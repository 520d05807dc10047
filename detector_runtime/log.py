"""One JSON object a line on standard error: the runtime's only log.

The standard `logging` package costs the scoring pod more start-up time than it is worth. Strings
are JSON-escaped, so that nothing from a query, a file or a remote message can forge a line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(level: str, message: str, /, **fields: object) -> None:
    """Write one line: `message` is a fixed phrase, what varies goes into `fields`.

    `time`, `level` and `message` are the operator's names for the same, so that one query finds
    both; no field takes their place.
    """
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line: dict[str, object] = {"time": stamp, "level": level, "message": message}
    line |= {name: value for name, value in fields.items() if name not in line}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)
