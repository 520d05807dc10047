"""Recordings: what can be played, what is refused and why, and when each row comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anomaly_sandbox.demo.faults import Fault, FaultKind
from anomaly_sandbox.demo.recording import Recording, RecordingError, read_recording
from anomaly_sandbox.demo.replay import RecordingPlayer, live_step, manifest, service_name


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "a recording.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "times",
    [
        ("1700000000", "1700000060", "1700000120"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z", "2026-11-22T10:02:00Z"),
        ("2026-11-22 11:00:00+01:00", "2026-11-22 11:01:00+01:00", "2026-11-22 11:02:00+01:00"),
        ("2026-11-22 10:00:00", "2026-11-22 10:01:00", "2026-11-22 10:02:00"),
    ],
)
def test_times_may_be_unix_seconds_or_iso_8601(tmp_path: Path, times: tuple[str, ...]) -> None:
    rows = "".join(f"{time},{i},7\n" for i, time in enumerate(times))
    recording = read_recording(_file(tmp_path, f"time,Latency (ms),errors\n{rows}"))
    assert recording.names == ("latency_ms", "errors")
    assert recording.step == 60
    assert recording.values.tolist() == [[0, 7], [1, 7], [2, 7]]


def test_a_skipped_row_and_an_empty_cell_are_holes_and_not_zero(tmp_path: Path) -> None:
    recording = read_recording(_file(tmp_path, "t,a,b\n0,1,\n60,2,nan\n120,3,4\n240,5,inf\n"))
    assert np.isnan(recording.values[3]).all()
    assert np.isnan(recording.values[:, 1]).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,a\n0,1\n", "a header and at least two rows"),
        ("t\n0\n60\n", "0 metrics, expected 1 to 32"),
        ("t,a,A\n0,1,2\n60,1,2\n", "column 'a' does not make a unique metric name"),
        ("t,9%\n0,1\n60,1\n", "column '9%'"),
        ("t,a\n0,1\nnoon,2\n", "line 3: 'noon' is neither unix seconds nor"),
        ("t,a\n0,1\n60,high\n", "line 3, a: 'high' is not a number"),
        ("t,a\n0,1\n60,1,1\n", "line 3: 3 columns, expected 2"),
        ("t,a\n60,1\n0,2\n", "line 3: the time is not after the one before it"),
    ],
)
def test_what_cannot_be_played_is_refused_with_line_and_value(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(RecordingError, match=words):
        read_recording(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("recorded", "speed", "step"),
    [(300, None, 15), (300, 20.0, 15), (300, 10.0, 30), (300, 1.0, 300), (60, 3.0, 20)],
)
def test_speed_shortens_the_recorded_step(recorded: int, speed: float | None, step: int) -> None:
    assert live_step(recorded, speed) == step


def test_a_speed_that_makes_windows_too_short_is_refused_with_the_most_it_can_be() -> None:
    with pytest.raises(RecordingError, match=r"windows of 3 s out of 300 s.*0.0833 to 20"):
        live_step(300, 100.0)


def _recording(rows: int) -> Recording:
    return Recording(("latency",), np.arange(rows, dtype=float).reshape(-1, 1), 300)


def test_history_ends_at_the_window_that_ends_now_and_live_rows_follow_one_by_one() -> None:
    player = RecordingPlayer(_recording(100), 15, 10, now=1_000_007)
    history = [series for batch in player.history() for series in batch]
    times = [time for _, stamps, _ in history for time in stamps]
    assert len(times) == 90
    assert times[-1] == 1_000_005_000
    assert times[0] == times[-1] - 89 * 15_000
    assert player.live(1_000_019, ())[0][1] == []
    assert player.live(1_000_020, ())[0][1] == [1_000_020_000]
    assert player.live(1_000_020, ())[0][1] == []
    assert player.live(1_000_050, ())[0][2] == [91.0, 92.0]
    assert not player.finished()
    player.live(1_000_005 + 10 * 15, ())
    assert player.finished()


def test_rows_that_were_not_delivered_come_again() -> None:
    player = RecordingPlayer(_recording(100), 15, 10, now=1_000_007)
    lost = player.live(1_000_020, ())
    player.forget()
    assert player.live(1_000_020, ())[0][1] == lost[0][1]


def test_a_recording_takes_no_faults_besides_its_own() -> None:
    player = RecordingPlayer(_recording(100), 15, 10, now=1_000_007)
    with pytest.raises(RecordingError, match="faults cannot be added"):
        player.live(1_000_020, (Fault("cart", FaultKind.LATENCY, 2, 0),))


def test_all_rows_live_leaves_nothing_to_learn_from_and_is_refused() -> None:
    with pytest.raises(RecordingError, match="leave rows for the history"):
        RecordingPlayer(_recording(10), 15, 10, now=0)


def test_roles_and_units_follow_from_names_and_values() -> None:
    names = ("requests", "latency", "latency_p99", "db_time_ms", "error_rate", "availability", "x")
    values = np.full((800, len(names)), 0.5)
    service = manifest(Recording(names, values, 300), Path("Pet Site.csv"), step=15, history=780)
    assert service["metadata"]["name"] == "pet-site"
    assert [(m["role"], m["unit"], m["direction"]) for m in service["spec"]["metrics"]] == [
        ("Traffic", "None", "Both"),
        ("Latency", "Seconds", "Up"),
        ("Custom", "None", "Up"),
        ("DatabaseLatency", "Milliseconds", "Up"),
        ("Errors", "Ratio", "Up"),
        ("Custom", "None", "Down"),
        ("Custom", "None", "Both"),
    ]
    assert service["spec"]["training"]["lookback"] == "4h"


def test_a_count_of_errors_is_no_error_rate() -> None:
    recording = Recording(("errors",), np.full((800, 1), 4000.0), 60)
    metric = manifest(recording, Path("a.csv"), step=15, history=700)["spec"]["metrics"][0]
    assert (metric["role"], metric["unit"]) == ("Custom", "None")


@pytest.mark.parametrize(
    ("file", "name"), [("Issue_3.csv", "issue-3"), ("__.csv", "replay"), ("a" * 80, "a" * 40)]
)
def test_a_file_name_becomes_a_kubernetes_name(file: str, name: str) -> None:
    assert service_name(Path(file)) == name
