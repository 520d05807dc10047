"""What to do next with the containers of a pod, as the kubelet would. Pure: facts and `now` in,
starts, stops and a phase out; asked again after every event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

BACKOFF_SECONDS = 10.0
"""The kubelet's: no wait before the first restart, then 10 s, doubled up to 5 minutes."""
MAX_BACKOFF_SECONDS = 300.0
RESET_AFTER_SECONDS = 600.0
"""A run this long clears the count, as in the kubelet (twice the maximum)."""


class Phase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container; Unix seconds, `exit_code` None while it runs."""

    attempt: int
    started_at: float
    finished_at: float = 0.0
    exit_code: int | None = None
    reason: str = ""
    pid: int = 0

    @property
    def running(self) -> bool:
        return self.exit_code is None


@dataclass(frozen=True, slots=True)
class Container:
    """A container and its runs, oldest first."""

    name: str
    init: bool = False
    runs: tuple[Run, ...] = ()

    @property
    def last(self) -> Run | None:
        return self.runs[-1] if self.runs else None


@dataclass(frozen=True, slots=True)
class Plan:
    """`starts`: container to attempt. `waits`: container to the time of its next start.
    `wake_at`: when to ask again if nothing happens before."""

    phase: Phase
    starts: Mapping[str, int] = field(default_factory=dict)
    stops: Sequence[str] = ()
    waits: Mapping[str, float] = field(default_factory=dict)

    @property
    def wake_at(self) -> float | None:
        return min(self.waits.values(), default=None)


def plan(
    policy: str,
    containers: Sequence[Container],
    now: float,
    *,
    ending: bool,
    failed: bool = False,
    pause: float = BACKOFF_SECONDS,
) -> Plan:
    """The next step. `policy` is the pod's restartPolicy; `ending` stops everything (deletion,
    deadline); `failed` makes the end a failure whatever the exit codes say; `pause` is the
    first of the growing pauses before restarts, in seconds."""
    if ending:
        return _ending(containers, failed=failed)
    for item in (c for c in containers if c.init):
        step = _init_step(policy, item, now, pause)
        if step is not None:
            return step
    return _main_step(policy, [c for c in containers if not c.init], now, pause)


def backoff(runs: Sequence[Run], pause: float = BACKOFF_SECONDS) -> float:
    """Seconds to wait after the last run before the next."""
    restarts = 0
    for run in reversed(runs):
        if run.finished_at - run.started_at > RESET_AFTER_SECONDS:
            break
        restarts += 1
    if restarts <= 1:
        return 0.0
    return float(min(MAX_BACKOFF_SECONDS, pause * 2 ** min(restarts - 2, 10)))


def _ending(containers: Sequence[Container], *, failed: bool) -> Plan:
    running = [item.name for item in containers if item.last and item.last.running]
    if running:
        return Plan(Phase.RUNNING, stops=running)
    main = [item.last for item in containers if not item.init]
    succeeded = not failed and all(run is not None and run.exit_code == 0 for run in main)
    return Plan(Phase.SUCCEEDED if succeeded else Phase.FAILED)


def _init_step(policy: str, item: Container, now: float, pause: float) -> Plan | None:
    """None when this init container is through."""
    last = item.last
    if last is None:
        return Plan(Phase.PENDING, starts={item.name: 0})
    if last.running:
        return Plan(Phase.PENDING)
    if last.exit_code == 0:
        return None
    if policy == "Never":
        return Plan(Phase.FAILED)
    return _restart(Phase.PENDING, item, last, now, pause)


def _main_step(policy: str, containers: Sequence[Container], now: float, pause: float) -> Plan:
    starts: dict[str, int] = {}
    waits: dict[str, float] = {}
    done: list[Run] = []
    for item in containers:
        last = item.last
        if last is None:
            starts[item.name] = 0
        elif last.running:
            continue
        elif policy == "Always" or (policy == "OnFailure" and last.exit_code != 0):
            step = _restart(Phase.RUNNING, item, last, now, pause)
            starts.update(step.starts)
            waits.update(step.waits)
        else:
            done.append(last)
    if len(done) == len(containers):
        failed = any(run.exit_code != 0 for run in done)
        return Plan(Phase.FAILED if failed else Phase.SUCCEEDED)
    started = any(item.runs for item in containers)
    return Plan(Phase.RUNNING if started else Phase.PENDING, starts=starts, waits=waits)


def _restart(phase: Phase, item: Container, last: Run, now: float, pause: float) -> Plan:
    wait = backoff(item.runs, pause)
    due = last.finished_at + wait
    # A run may end after `now` was read: that is no pause.
    if wait == 0 or now >= due:
        return Plan(phase, starts={item.name: last.attempt + 1})
    return Plan(phase, waits={item.name: due})
