"""A run that is followed with interruptions says what one reading of its whole log says."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.training_run import TrainingRunReport
from pretend.followed_run import START, STEP, FollowedRun

MINUTES = 40
PHASES = [Phase.generate]
"""To shrink a case of forty runs would take minutes."""
DISTURBANCES = st.sampled_from(
    ["none", "missed", "reading", "before", "after", "lost", "torn", "twice"]
)
LOSSES = st.sampled_from([2.0, 2.01, 1.99, 2.02, 1.98, 6.0, 0.5, float("nan")])
ROWS = st.fixed_dictionaries(
    {"gap": st.integers(1, 90), "forward": st.integers(1, 30)},
    optional={
        "loss": LOSSES,
        "learning_rate": st.sampled_from([1e-4, 1e-4, 1e-3]),
        "accuracy": st.sampled_from([0.8, 0.81, 0.2]),
        "back": st.booleans(),
        "bad": st.booleans(),
        "answer": st.sampled_from("xy"),
    },
)
LOGS = st.lists(ROWS, min_size=1, max_size=60)
RUNS = st.lists(DISTURBANCES, min_size=MINUTES, max_size=MINUTES)


def written(run: FollowedRun, rows: list[dict[str, Any]], *, timed: bool) -> int:
    """Twenty quiet rows, then what is given, within MINUTES; the minute in which the last came."""
    quiet = [{"gap": 10, "forward": 10, "loss": 2.0 + at % 3 / 100} for at in range(20)]
    time, step = float(START), 0
    for row in [*quiet, *rows]:
        time += row["gap"]
        if time >= START + (MINUTES - 2) * STEP:
            break
        step = max(step - 200, 0) if row.get("back") else step + row["forward"]
        raw = {name: row[name] for name in ("loss", "learning_rate", "accuracy") if name in row}
        if "answer" in row:
            raw |= {"prompt": "one", "golden_answer": row["answer"], "model_answer": "x"}
        if timed:
            raw["time"] = time
        run.log.write(time, **({} if row.get("bad") else {"step": step}), **raw)
    return int(time - START) // STEP + 1


def disturbed(run: FollowedRun, runs: list[str]) -> None:
    for minute, kind in enumerate(runs, start=1):
        now = START + minute * STEP
        if kind == "reading":
            run.killed(now, "", after=len(run.log.lines) // 2)
        elif kind in {"before", "after"}:
            run.killed(now, kind)
        elif kind != "missed":
            run.run(now)
        if kind == "lost":
            run.state_file.unlink(missing_ok=True)
        elif kind == "torn" and run.state_file.exists():
            run.state_file.write_bytes(run.state_file.read_bytes()[:-20])
        elif kind == "twice":
            run.run(now)


def said(report: TrainingRunReport) -> TrainingRunReport:
    """Without what depends on when it was looked at."""
    return replace(report, since="", notes=())


def evidence(report: WindowReport | None) -> dict[str, Any]:
    return {} if report is None else dict(encode(report).get("trainingRun", {}))


@settings(max_examples=25, deadline=None, phases=PHASES)
@given(LOGS, RUNS)
def test_interruptions_change_nothing(rows: list[dict[str, Any]], runs: list[str]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole, parts = FollowedRun(Path(one)), FollowedRun(Path(other))
        last = max(written(run, rows, timed=True) for run in (whole, parts))
        disturbed(parts, runs[: last - 1])
        for run in (whole, parts):
            run.run(START + last * STEP)
        assert said(parts.report) == said(whole.report)
        assert parts.detection.windows == whole.detection.windows
        found, expected = parts.detection.anomaly, whole.detection.anomaly
        assert evidence(found) == evidence(expected)
        assert found == expected
        assert parts.detection.scored_through == whole.detection.scored_through


@settings(max_examples=15, deadline=None, phases=PHASES)
@given(LOGS, RUNS)
def test_without_times_the_same_is_told_in_windows_of_arrival(
    rows: list[dict[str, Any]], runs: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole, parts = FollowedRun(Path(one)), FollowedRun(Path(other))
        last = max(written(run, rows, timed=False) for run in (whole, parts))
        disturbed(parts, runs[: last - 1])
        for run in (whole, parts):
            run.run(START + last * STEP)
        found, expected = parts.report, whole.report
        for name in ("step", "rows", "bad_lines", "resumes", "triggers", "counts", "best_step"):
            assert getattr(found, name) == getattr(expected, name), name
        names = [(one.step, one.name) for one in found.timeline]
        assert names == [(one.step, one.name) for one in expected.timeline]
        told = [one for window in parts.detection.windows for one in window.triggers]
        assert len(told) == len(set(told))
