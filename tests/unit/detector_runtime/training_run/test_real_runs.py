"""Pre-training of real language models (Pythia), 143,000 steps each.

Data: not part of this repository; ANOMALY_DATA names the folder of the recordings.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.recordings import DATA
from detector_runtime.training_run.trigger import Tier, Trigger
from pretend.training_run import triggers

FOLDER = DATA / "training-loss"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings {FOLDER}"),
]


def alerts(name: str) -> list[Trigger]:
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as data:
        rows = zip(data["step"].tolist(), data["loss"].tolist(), strict=True)
        found = triggers({"step": step, "loss": loss} for step, loss in rows)
    return [one for one in found if one.tier in {Tier.WARNING, Tier.CRITICAL}]


@pytest.mark.parametrize("name", ["pythia-160m-seed7", "pythia-160m-seed8", "pythia-410m-seed5"])
def test_a_stable_run_raises_no_alert(name: str) -> None:
    assert alerts(name) == []


def test_a_jump_after_a_resume_is_found_at_its_step() -> None:
    found = alerts("pythia-410m-seed4")
    assert {one.kind for one in found if one.step == 122_002} == {"loss_zscore", "loss_spike"}
    assert min(one.step for one in found) == 122_002


def test_a_slow_regression_is_found_once_within_2000_steps() -> None:
    (found,) = alerts("pythia-14m-seed7")
    with np.load(FOLDER / "pythia-14m-seed7.npz", allow_pickle=False) as data:
        blocks = np.median(data["loss"][:143_000].reshape(-1, 500), axis=1)
    # Where medians of 500 steps are more than 3 % above their best for the first time.
    above = blocks > 1.03 * np.minimum.accumulate(blocks)
    onset = 500 * int(np.argmax(above))
    assert found.kind == "slow_regression"
    assert onset - 500 <= found.step <= onset + 2000
