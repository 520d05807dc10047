"""What a worker is given: one service under one or two settings, and the windows to try them on.

It is complete: a worker asks nobody for anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaly_cli.local_time import UTC
from anomaly_cli.recording import Recording
from anomaly_cli.sampling import Sampling
from anomaly_dashboard.explore.arrays import packed, unpacked
from detector_runtime.contract.text import iso
from detector_runtime.series.frame import Frame

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One setting: `service` is the AnomalyService, `policies` the SLOPolicies of its namespace,
    `frame` its metrics, `warmup` the row of it from which windows are judged."""

    label: str
    service: Raw
    policies: tuple[Raw, ...]
    frame: Frame
    warmup: int


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """`refit`: seconds between trainings, 0 = one before the first judged window; `points`: to
    which curves are thinned, 0 = not at all. `notes` on what was read are for people, and stay
    here."""

    sides: tuple[Side, ...]
    refit: int
    points: int
    notes: tuple[str, ...] = ()


def recording_of(frame: Frame) -> Recording:
    """The frame as a recording of one row a window, as a file of the same rows would be read."""
    stamps = tuple(iso(int(one)) for one in frame.times)
    rows = np.arange(len(frame), dtype=np.int64)
    sampling = Sampling(frame.step, False, "spec.step")
    return Recording(frame, stamps, rows, None, sampling, UTC, {}, (), ())


def dumped(job: Job) -> str:
    """One line. A frame that both sides share is written once."""
    frames: list[Frame] = []
    for side in job.sides:
        if not any(side.frame is one for one in frames):
            frames.append(side.frame)
    return json.dumps(
        {
            "refit": job.refit,
            "points": job.points,
            "frames": [_frame(one) for one in frames],
            "sides": [_side(one, frames) for one in job.sides],
        },
        separators=(",", ":"),
    )


def loaded(text: str) -> Job:
    """Raises KeyError, TypeError, ValueError for what `dumped` did not write."""
    document = json.loads(text)
    frames = [_read_frame(one) for one in document["frames"]]
    sides = tuple(
        Side(
            str(one["label"]),
            one["service"],
            tuple(one["policies"]),
            frames[one["frame"]],
            int(one["warmup"]),
        )
        for one in document["sides"]
    )
    return Job(sides, int(document["refit"]), int(document["points"]))


def _side(side: Side, frames: Sequence[Frame]) -> dict[str, Any]:
    shared = next(at for at, one in enumerate(frames) if one is side.frame)
    return {
        "label": side.label,
        "service": side.service,
        "policies": list(side.policies),
        "frame": shared,
        "warmup": side.warmup,
    }


def _frame(frame: Frame) -> dict[str, Any]:
    undefined = frame.undefined
    return {
        "first": int(frame.times[0]),
        "step": frame.step,
        "names": list(frame.names),
        "values": packed(frame.values),
        "undefined": None if undefined is None else np.argwhere(undefined).tolist(),
    }


def _read_frame(document: dict[str, Any]) -> Frame:
    values, step = unpacked(document["values"]), int(document["step"])
    times = int(document["first"]) + step * np.arange(len(values), dtype=np.int64)
    undefined = None
    if document["undefined"] is not None:
        undefined = np.zeros(values.shape, dtype=bool)
        for row, column in document["undefined"]:
            undefined[row, column] = True
    return Frame(times, values, tuple(document["names"]), step, undefined)
