"""Snapshots under any history of triggers, and killed between any two operations on files."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.contract.training_run import SnapshotPlan
from detector_runtime.following.snapshot_retention import Kept, copied_bytes, spared, surplus
from detector_runtime.following.snapshots import take
from pretend.snapshots import NOW, PLAN, captured, checkpoint

OPERATIONS = ("open", "mkdir", "link", "read", "write", "fsync", "rename", "unlink", "rmdir")
COPYING = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True, keep=2, max_bytes=40)


@st.composite
def histories(draw: st.DrawFn) -> list[Kept]:
    count = draw(st.integers(0, 12))
    found = []
    for at in range(count):
        model = draw(st.sampled_from(["", "", "a", "b", "c"]))
        found.append(
            Kept(
                name=f"anomaly_{at}",
                at=float(draw(st.integers(0, 5))),
                step=draw(st.integers(0, 5)),
                rank=draw(st.integers(0, 3)),
                triggers=draw(st.integers(1, 4)),
                model=model,
                size={"": 0, "a": 10, "b": 20, "c": 30}[model],
            )
        )
    return found


@given(histories(), st.integers(1, 12), st.integers(0, 70))
def test_retention(found: list[Kept], keep: int, max_bytes: int) -> None:
    gone = surplus(found, keep, max_bytes)
    left = [one for one in found if one.name not in gone]
    safe = spared(found, keep)
    assert len(set(gone)) == len(gone)
    assert safe <= {one.name for one in left}
    assert len(left) <= max(keep, len(safe))
    of_safe = {one.model: one.size for one in left if one.name in safe}
    assert copied_bytes(left) <= max(max_bytes, sum(of_safe.values()))
    # Nothing goes that may stay, and what is left has no surplus.
    if len(found) <= keep and copied_bytes(found) <= max_bytes:
        assert not gone
    assert surplus(left, keep, max_bytes) == ()


class KilledError(BaseException):
    """The process is gone: nothing that it does from here on happens."""


@contextmanager
def killed_after(count: int) -> Iterator[None]:
    """Only the first `count` operations on files take place."""
    left = count

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return real(*given, **named)

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            real = getattr(os, name)
            patch.setattr(os, name, counted(no_link if name == "link" else real))
        yield


def no_link(*_: object, **__: object) -> None:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def claim(folder: Path) -> Path:
    """With two snapshots that hold copies, and a third checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", no_link)
        for step in (1000, 2000):
            checkpoint(folder, step)
            assert take(COPYING, folder, captured(step + 1, at=NOW + step), NOW).new
    checkpoint(folder, 3000)
    return folder


def whole(folder: Path) -> list[int]:
    """The steps of the snapshots, each of which is complete."""
    steps = []
    for path in sorted((folder / "snapshots").glob("anomaly_*")):
        document = json.loads((path / "metadata.json").read_text())
        if document["checkpoint"]["how"] == "copied":
            for name in ("model.bin", "optimizer/state.bin"):
                assert (path / "model" / name).read_text() == "weights"
        steps.append(document["step"])
    return steps


@given(st.integers(0, 80))
def test_a_kill_leaves_whole_snapshots_and_the_next_run_makes_up_for_it(count: int) -> None:
    with tempfile.TemporaryDirectory() as at:
        folder = claim(Path(at))
        late = captured(3001, at=NOW + 3000)
        try:
            with killed_after(count):
                take(COPYING, folder, late, NOW)
        except KilledError:
            pass
        assert set(whole(folder)) <= {1001, 2001, 3001}
        assert 2001 in whole(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "link", no_link)
            again = take(COPYING, folder, late, NOW + 3600)
        assert again.path
        assert set(whole(folder)) <= {2001, 3001}
        assert 3001 in whole(folder)
        # What was left aside goes with the next snapshot, or with this one.
        take(COPYING, folder, captured(4001, at=NOW + 4000), NOW + 3600)
        assert not list((folder / "snapshots").glob(".*"))
