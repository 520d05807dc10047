"""A container's last words, by the rules of terminationMessagePolicy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anomaly_sandbox.node import logs
from anomaly_sandbox.node.lifecycle import Container
from anomaly_sandbox.node.pod_files import PodFiles

Json = dict[str, Any]
MAX_BYTES = 4096
_LOG_BYTES, _LOG_LINES = 2048, 80


@dataclass(slots=True)
class LastWords:
    """Messages by (container, attempt)."""

    files: PodFiles
    containers: Mapping[str, Json]
    messages: dict[tuple[str, int], str] = field(default_factory=dict)

    def collect(self, containers: Iterable[Container]) -> None:
        """Reads them while they lie there: the next run of the container clears them."""
        meta = self.files.pod["metadata"]
        folder = logs.folder(self.files.node.state, meta["namespace"], meta["name"], meta["uid"])
        for item in containers:
            last = item.last
            if last is None or last.exit_code is None:
                continue
            if (item.name, last.attempt) not in self.messages:
                self.messages[item.name, last.attempt] = message(
                    self.containers[item.name],
                    last.exit_code,
                    self.files.container(item.name).termination_file,
                    folder / f"{item.name}.{last.attempt}.log",
                )


def message(container: Json, exit_code: int, written: Path, log: Path) -> str:
    """What the container wrote to its termination file, else the end of a failed one's log."""
    text = _head(written)
    fallback = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if text or not fallback or exit_code == 0:
        return text
    return _tail(log)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read(_LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LOG_LINES:])
