"""On a real server: what comes later changes no score, level or explanation of what came before.

Data: ASD (19 metrics of a server, 5 minutes), not part of this repository;
ANOMALY_DATA names the folder of the recordings.
"""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pytest

from benchmarks.detection.recordings import DATA
from detector_runtime.contract.run_config import DetectorSpec, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.series.frame import Frame
from pretend.entrance import fit_model, score

STEP = 300
LEARNT, SCORED = 2000, 900
SERVER = DATA / "asd" / "omi-1.npz"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SERVER.is_file(), reason=f"no recording {SERVER}"),
]


@pytest.fixture(scope="module")
def server() -> tuple[Frame, int]:
    """The end of the quiet part and the beginning of the labelled one, and where that begins."""
    with np.load(SERVER, allow_pickle=False) as data:
        quiet, labelled, label = data["train"], data["test"], data["label"]
    event = int(np.flatnonzero(label)[0])
    start = max(event - SCORED // 2, 0)
    values = np.vstack([quiet[-LEARNT:], labelled[start : start + SCORED]]).astype(np.float64)
    times = 1_700_006_400 + STEP * np.arange(1, len(values) + 1, dtype=np.int64)
    names = tuple(f"metric_{column + 1:02d}" for column in range(values.shape[1]))
    return Frame(times, values, names, STEP), LEARNT + event - start


@pytest.fixture(scope="module")
def model(server: tuple[Frame, int]) -> FittedModel:
    frame, _ = server
    metrics = tuple(
        MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH) for name in frame.names
    )
    detector = DetectorSpec(3.0, 0.05, 42)
    settings = EngineSettings(metrics, STEP, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000)
    return fit_model(upto(frame, LEARNT), settings)


def upto(frame: Frame, row: int) -> Frame:
    return Frame(frame.times[:row], frame.values[:row], frame.names, frame.step)


@pytest.mark.parametrize("after", [-60, 1, 4, 40])
def test_scores_of_a_real_server_do_not_change_when_the_future_is_cut_off(
    server: tuple[Frame, int], model: FittedModel, after: int
) -> None:
    """Cuts lie before, inside and behind the first labelled event."""
    frame, event = server
    since = int(frame.times[LEARNT - 1])
    whole = score(model, frame, since)
    cut = score(model, upto(frame, event + after), since)
    known = len(cut.score)
    assert known == event + after - LEARNT
    for name in (
        "score",
        "probability",
        "anomalous",
        "confidence",
        "contributions",
        "building_since",
        "drift.score",
        "drift.penalty",
    ):
        of = attrgetter(name)
        before, later = of(cut), of(whole)[:known]
        np.testing.assert_allclose(before, later, rtol=1e-9, atol=1e-9, err_msg=name)


def test_another_future_changes_what_follows_it(
    server: tuple[Frame, int], model: FittedModel
) -> None:
    """The test above could not fail if the scores did not depend on the values at all."""
    frame, event = server
    since = int(frame.times[LEARNT - 1])
    values = frame.values.copy()
    values[event:] = values[event:][::-1]
    other = score(model, Frame(frame.times, values, frame.names, STEP), since)
    whole = score(model, frame, since)
    row = event - LEARNT
    np.testing.assert_allclose(other.score[:row], whole.score[:row], rtol=1e-9, atol=1e-9)
    assert not np.allclose(other.score[row:], whole.score[row:])
