"""The claim of a training run as far as it is more than a log: its checkpoints and the snapshots
that are taken. Neither fails a run; what does not work is a note."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from detector_runtime.contract.training_run import Checkpoint, RunEvidence, SnapshotPlan
from detector_runtime.following.followed import Followed
from detector_runtime.following.window_evidence import run_evidence
from detector_runtime.following.windows import WindowRows
from detector_runtime.log import log

FAILED = "a snapshot could not be taken; the pod's log says why"


class Claim:
    """`root`: where it is mounted, None where the rows come from a service. `now` in unix seconds.
    Imports what it needs when it needs it: most runs take no snapshot."""

    def __init__(self, plan: SnapshotPlan, root: Path | None, now: float) -> None:
        self._plan, self._root, self._now = plan, root, now
        self.checkpoint_below = lru_cache(maxsize=64)(self._checkpoint_below)
        self.notes: list[str] = []

    def evidence(self, rows: WindowRows, followed: Followed) -> RunEvidence:
        """Of a window with a trigger above Normal; its snapshot is taken unless it was before."""
        return run_evidence(rows, self.checkpoint_below, self._snapshot(rows, followed))

    def _checkpoint_below(self, step: int) -> Checkpoint | None:
        if self._root is None or not self._plan.checkpoints:
            return None
        from detector_runtime.following.checkpoints import checkpoint_below  # noqa: PLC0415

        return checkpoint_below(self._plan, self._root, step, self._now)

    def _snapshot(self, rows: WindowRows, followed: Followed) -> str:
        if self._root is None or not self._plan.enabled or rows.captured is None:
            return ""
        from detector_runtime.following.snapshots import take  # noqa: PLC0415 - start-up time

        try:
            taken = take(self._plan, self._root, rows.captured, self._now)
        except Exception as error:  # noqa: BLE001 - a snapshot never fails a run
            log("error", "snapshot failed", error=f"{type(error).__name__}: {error}")
            self.notes.append(FAILED)
            return ""
        self.notes.extend(taken.notes)
        if taken.path:
            followed.snapshots, followed.snapshot = taken.count, taken.path
        return taken.path
