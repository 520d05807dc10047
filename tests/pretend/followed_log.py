"""A log that is read in pieces, as the pod reads it: each reading is a new process with nothing but
the position of the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from detector_runtime.contract.training_run import LogFile
from detector_runtime.run_log.open_log import open_log
from detector_runtime.run_log.source import BadLine
from detector_runtime.training_run.rows import Row


@dataclass
class Follower:
    root: Path
    log: LogFile
    position: Any = None
    rows: list[Row] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    now: float = 1e12

    def read(self, until: float = inf, most: int | None = None) -> list[Row]:
        """The new rows, at most `most` of them."""
        source = open_log(self.root, self.log, now=self.now)
        new = []
        for one in source.read(self.position, until):
            if isinstance(one, BadLine):
                self.bad.append(one)
                continue
            new.append(one)
            if len(new) == most:
                break
        self.position = json.loads(json.dumps(source.position(), allow_nan=False))
        self.notes = source.notes()
        self.rows.extend(new)
        return new

    @property
    def steps(self) -> list[int]:
        return [row.step for row in self.rows]


def whole(root: Path, log: LogFile) -> Follower:
    """One reading of the whole log."""
    follower = Follower(root, log)
    follower.read()
    return follower
