"""The model that answers now, and how another takes its place.

A new revision is loaded beside the old one and takes its place in one assignment, so a request is
answered by one or the other and never by a mixture. What cannot be loaded changes nothing: the old
one goes on, and `/ready` and the metrics say why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from detector_runtime.contract.serving import Served
from detector_runtime.errors import RunError
from detector_runtime.log import log
from detector_runtime.serving.judgement import Scorer
from detector_runtime.serving.served_file import ServedFileError, read_served, stamp

POLL_SECONDS = 1.0
RETRY_SECONDS = 10.0
"""After a load that failed: the volume may be slower than the ConfigMap."""

Load = Callable[[Served], Scorer]


@dataclass(frozen=True, slots=True)
class Model:
    """`served`: what the file named when it was loaded."""

    scorer: Scorer
    served: Served


class CurrentModel:
    """`model`: what answers, None before the first; `error`: why the revision that the file names
    does not, empty where it does; `failures`, `swaps`: since the start."""

    def __init__(self, path: Path, load: Load) -> None:
        self._path = path
        self._load = load
        self._stamp: tuple[int, int] | None = None
        self._retry_at = 0.0
        self.model: Model | None = None
        self.error = f"{path}: not read yet"
        self.failures = 0
        self.swaps = 0

    async def follow(self) -> None:
        """Look at the file once a second, for as long as the server runs."""
        while True:
            await self.look(time.monotonic())
            await asyncio.sleep(POLL_SECONDS)

    async def look(self, now: float) -> None:
        """Load what the file names where that is something else than what answers. `now`: seconds
        of a clock that never goes back."""
        found = stamp(self._path)
        if found == self._stamp and (not self.error or now < self._retry_at):
            return
        self._stamp, self._retry_at = found, now + RETRY_SECONDS
        try:
            served = await asyncio.to_thread(read_served, self._path)
            if self.model is None or not same(served, self.model.served):
                scorer = await asyncio.to_thread(self._load, served)
                self._swap(Model(scorer, served))
            self.error = ""
        except (ServedFileError, RunError) as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a server outlives a model that it cannot load
            self._failed(f"{type(error).__name__}: {error}")

    def _swap(self, model: Model) -> None:
        before = self.model
        self.model = model
        self.swaps += before is not None
        log(
            "info",
            "model loaded",
            revision=model.served.revision,
            before=before.served.revision if before else None,
        )

    def _failed(self, reason: str) -> None:
        self.failures += 1
        if reason != self.error:
            log("error", "model not loaded", reason=reason)
        self.error = reason


def same(one: Served, other: Served) -> bool:
    """Whether both name the same model and alert level, whenever they did."""
    return replace(one, since=other.since) == other
