"""`run replay --plot`: a curve of any length in any width."""

from __future__ import annotations

import json
from math import inf, isfinite, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_cli.__main__ import main
from anomaly_cli.run.sketch import LABEL, sketch
from pretend.training_run import noisy, series

DRAWN = [
    "        8        █",
    "                ██",
    "               ███",
    "              ████",
    "             █████",
    "            ██████",
    "           ███████",
    "        0 ▁███████",
    "          *      ^",
    "          step 10 17",
]


def test_a_curve() -> None:
    rising = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert sketch(rising, range(10, 18), {7}, 0, 80) == DRAWN


def test_a_peak_is_not_lost_and_a_gap_is_one() -> None:
    values = [1.0] * 1000
    values[500] = 9.0
    values[900:] = [nan] * 100
    lines = sketch(values, range(1000), {500}, -1, 60)
    assert lines[0].endswith("█")
    assert lines[0].index("█") == lines[8].index("^")
    assert len(lines[7].rstrip()) < len(lines[9])


def test_the_first_losses_do_not_flatten_the_others() -> None:
    values = [11.0, 6.0, *(2.0 + 1.0 / (1 + at) for at in range(98))]
    lines = sketch(values, range(100), set(), -1, 120)
    assert lines[0].lstrip().startswith(">2.")
    assert lines[0].count("█") < 10 < lines[6].count("█") + lines[7].count("█")


def test_no_finite_value_is_no_curve() -> None:
    assert sketch([nan, inf], [1, 2], set(), -1, 80) == []


@given(
    st.lists(
        st.floats(-1e100, 1e100) | st.sampled_from([inf, -inf, nan]), min_size=1, max_size=300
    ),
    st.integers(1, 120),
)
def test_any_curve_fits(values: list[float], width: int) -> None:
    lines = sketch(values, range(len(values)), set(range(len(values))), 0, width)
    assert all(len(line) <= max(width, LABEL + 12) for line in lines[-2:])
    assert bool(lines) == any(isfinite(one) for one in values)


def test_the_command_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log.jsonl"
    log = [*series("loss", noisy(200)), {"step": 201, "loss": 11.0}]
    path.write_text("".join(json.dumps(raw) + "\n" for raw in log))
    assert main(["run", "replay", str(path), "--plot"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("Loss (^ a trigger above Normal, * the best step)\n   >2.272 ")
    assert "201 rows to step 201" in told
    assert main(["run", "replay", str(path), "--plot", "-o", "json"]) == 2
