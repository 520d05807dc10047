"""What settings share of a fit changes no model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import (
    DetectorSpec,
    IncidentSpec,
    MetricSpec,
)
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.fitting import shared
from detector_runtime.fitting.candidate import Learning, candidate
from detector_runtime.fitting.fit import fit_model
from detector_runtime.fitting.members import Choice
from detector_runtime.fitting.shared import OF_ONE_FIT, SharedCandidates
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import CleanRows, read_history

STEP, ROWS = 3600, 300
METRICS = tuple(
    MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH) for name in ("a", "b")
)
PLAIN = EngineSettings(
    METRICS, STEP, "UTC", (), Category.BUSINESS_CRITICAL, DetectorSpec(1.0, 0.01, 42), 60, 240
)


def rows() -> CleanRows:
    times = 1_704_067_200 + STEP * np.arange(ROWS, dtype=np.int64)
    values = np.random.default_rng(3).normal(100, 5, (ROWS, 2))
    values[200:206] *= 3
    return read_history(Frame(times, values, ("a", "b"), STEP), METRICS)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One for each candidate that was really fitted."""
    found: list[object] = []

    def counted(*arguments: object) -> object:
        found.append(arguments)
        return candidate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(shared, "candidate", counted)
    return found


def test_other_levels_and_incidents_learn_nothing_anew_and_give_the_same_model(
    fitted: list[object],
) -> None:
    fit = SharedCandidates()
    fit_model(rows(), PLAIN, fit=fit)
    assert len(fitted) == OF_ONE_FIT
    other = replace(
        PLAIN,
        incidents=IncidentSpec(confirmation_cycles=4),
        detector=replace(PLAIN.detector, false_incidents_per_week=0.2),
    )
    arrays, meta = fit_model(rows(), other, fit=fit).to_arrays()
    assert len(fitted) == OF_ONE_FIT
    alone, told = fit_model(rows(), other).to_arrays()
    assert meta == told
    assert arrays.keys() == alone.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, alone[name])


@pytest.mark.parametrize("what", ["nothing", "seed", "direction", "windows", "trimmed", "choice"])
def test_whatever_is_learned_from_is_learned_anew(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[object] = []
    monkeypatch.setattr(shared, "candidate", lambda *_: fitted.append(None) or object())
    fit, frame, trimmed = SharedCandidates(), rows().frame, np.zeros(ROWS, dtype=bool)
    learning, choice = Learning.of(PLAIN), Choice(several=True)
    first = fit(frame, trimmed, learning, choice)
    if what == "seed":
        learning = replace(learning, seed=43)
    elif what == "direction":
        up = replace(METRICS[0], direction=Direction.UP)
        learning = replace(learning, metrics=(up, METRICS[1]))
    elif what == "windows":
        frame.values[10, 0] += 1e-9
    elif what == "trimmed":
        trimmed[10] = True
    elif what == "choice":
        choice = Choice(several=False)
    again = fit(frame, trimmed, learning, choice)
    assert len(fitted) == (1 if what == "nothing" else 2)
    assert (again is first) == (what == "nothing")


def test_no_more_than_one_fit_needs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "candidate", lambda *_: object())
    fit, frame, trimmed = SharedCandidates(2), rows().frame, np.zeros(ROWS, dtype=bool)
    learnings = [replace(Learning.of(PLAIN), seed=seed) for seed in range(3)]
    first, second, _ = (fit(frame, trimmed, one, Choice(several=True)) for one in learnings)
    assert fit(frame, trimmed, learnings[1], Choice(several=True)) is second
    assert fit(frame, trimmed, learnings[0], Choice(several=True)) is not first
