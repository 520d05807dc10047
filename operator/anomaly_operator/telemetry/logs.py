"""Logs as JSON, one line per event, so that nothing in a message can forge a line.

Fields are given as `extra={"fields": {...}}`; object references are `kind`, `namespace`, `name`.
URLs and secrets are never logged; kopf's own chatter is kept to warnings.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO


class JSONFormatter(logging.Formatter):
    """time (UTC), level, logger, message, then the event's own fields and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line.update({key: value for key, value in fields.items() if key not in line})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send everything to `stream` as JSON. `level` is debug, info, warning or error."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for chatty in ("kopf", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # It warns at each start that a thread gets no signals; ours are handled in `process`.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def event(
    logger: logging.Logger, level: int, message: str, /, *, error: bool = False, **fields: Any
) -> None:
    """Log `message` with `fields`; `error=True` adds the traceback of the current exception."""
    logger.log(level, message, extra={"fields": fields}, exc_info=error)
