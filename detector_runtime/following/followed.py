"""All that is known of a run between two runs of the pod, but for its place in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detector_runtime.contract.training_run import DeclaredSchedule, ExamplePolicy
from detector_runtime.following.evidence import Recent
from detector_runtime.following.progress import Pace, Patience
from detector_runtime.following.standing import Standing
from detector_runtime.following.timeline import Timeline
from detector_runtime.training_run import watch
from detector_runtime.training_run.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Judging:
    """How rows are judged. `step`: seconds of a window; `shown`: mode and thresholds as a snapshot
    names them."""

    step: int
    thresholds: Thresholds
    patience: Patience
    examples: ExamplePolicy = ExamplePolicy.KEEP
    shown: Mapping[str, object] = field(default_factory=dict)
    schedule: DeclaredSchedule | None = None


@dataclass(slots=True)
class Followed:
    """`rows` and `bad_lines` read so far; `read_through`: whether a run has come to the end of the
    log, before which all is history. `snapshots` on the claim and the path of the newest one are
    kept in the status, not in the state."""

    watch: watch.State = field(default_factory=watch.State)
    rows: int = 0
    bad_lines: int = 0
    bad_line: str = ""
    read_through: bool = False
    recent: Recent = field(default_factory=Recent)
    pace: Pace = field(default_factory=Pace)
    timeline: Timeline = field(default_factory=Timeline)
    standing: Standing = field(default_factory=Standing)
    snapshots: int = 0
    snapshot: str = ""
