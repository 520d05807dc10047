"""A training that was told of some services alone removes nothing of the others."""

from __future__ import annotations

import os
from pathlib import Path

from detector_runtime.store.revisions import SWEEP_AGE, sweep

OWN = "ab000000-0000-4000-8000-000000000001"
GONE = "ab000000-0000-4000-8000-000000000002"
ELSEWHERE = "cd000000-0000-4000-8000-000000000003"


def test_only_folders_of_the_prefix_are_removed(tmp_path: Path) -> None:
    for uid in (OWN, GONE, ELSEWHERE):
        (tmp_path / uid).mkdir()
        os.utime(tmp_path / uid, (0, 0))
    now = int(SWEEP_AGE) + 10
    assert sweep(tmp_path, OWN, (OWN,), now, prefix="ab") == (GONE,)
    assert {one.name for one in tmp_path.iterdir()} == {OWN, ELSEWHERE}
