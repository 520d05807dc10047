"""Pre-training of real language models (Pythia), 143,000 steps each, with labels.

Data: not part of this repository; ANOMALY_DATA names the folder of the recordings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detector_runtime.training_run.rows import Row
from tests.benchmarks.detection.recordings import DATA

FOLDER = DATA / "training-loss"


@dataclass(frozen=True, slots=True)
class Recorded:
    """`event_step`: of the jump; None: there is none."""

    name: str
    kind: str
    event_step: int | None

    def rows(self) -> Iterator[Row]:
        with np.load(FOLDER / f"{self.name}.npz", allow_pickle=False) as data:
            steps, losses = data["step"].tolist(), data["loss"].tolist()
        for step, loss in zip(steps, losses, strict=True):
            yield Row(step=step, loss=loss)


def recorded() -> list[Recorded]:
    """Empty where the folder is absent."""
    if not FOLDER.is_dir():
        return []
    labels = json.loads((FOLDER / "labels.json").read_text())
    return [Recorded(name, one["kind"], one["event_step"]) for name, one in sorted(labels.items())]
