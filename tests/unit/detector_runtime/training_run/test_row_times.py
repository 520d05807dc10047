"""When a row was logged, however the log writes times."""

from __future__ import annotations

import pytest

from detector_runtime.training_run.rows import row_of

AT = 1_790_000_000.0


@pytest.mark.parametrize(
    "time",
    [AT, int(AT), str(AT), 1000 * AT, "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00",
     "2026-09-21T14:13:20", "2026-09-21 14:13:20"],
)  # fmt: skip
def test_times_are_read(time: object) -> None:
    assert row_of({"step": 1, "time": time}).time == AT
    assert row_of({"step": 1, "timestamp": time}).time == AT


@pytest.mark.parametrize("time", [None, "", "soon", True, -1, "nan", [], 10**400])
def test_what_is_no_time_is_not_known(time: object) -> None:
    row = row_of({"step": 1, "time": time, "loss": 0.5})
    assert row.time is None
    assert row.loss == 0.5


def test_a_time_is_no_metric() -> None:
    assert row_of({"step": 1, "time": AT, "norm": 2}).metrics == {"norm": 2.0}
