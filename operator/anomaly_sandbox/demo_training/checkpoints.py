"""Checkpoints of the tiny model: `checkpoint-1200.npz`, arrays alone.

Each is written aside and renamed, so that one with its final name is whole.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from anomaly_sandbox.demo_training.network import SHAPES, Network

NAME = "checkpoint-{step}.npz"
_NAME = re.compile(r"checkpoint-(\d+)\.npz")


def save(folder: Path, step: int, network: Network) -> None:
    """The weights and velocities after `step`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / NAME.format(step=step)
    aside = file.with_suffix(".new")
    arrays = dict(network.weights)
    arrays.update((f"velocity_{name}", value) for name, value in network.velocities.items())
    with aside.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    aside.replace(file)


def newest(folder: Path) -> tuple[int, Network] | None:
    """Step and network of the checkpoint with the highest step; None where there is none."""
    names = [path.name for path in folder.glob("checkpoint-*.npz")]
    steps = [int(match[1]) for match in map(_NAME.fullmatch, names) if match]
    if not steps:
        return None
    step = max(steps)
    with np.load(folder / NAME.format(step=step), allow_pickle=False) as stored:
        weights = {name: stored[name] for name in SHAPES}
        velocities = {name: stored[f"velocity_{name}"] for name in SHAPES}
    return step, Network(weights, velocities)
