"""A model volume without room, as a training's pod meets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from watched.namespace import FILES, SELDOM, Watched, namespace, running_operator, with_crds
from watched.recordings import HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

IMAGE = "cramped/runtime:1"
CRAMPED = """
import pathlib, resource, sys
if "train" in sys.argv and pathlib.Path(__file__).with_name("full").exists():
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
"""
"""Run by Python before anything else: no file grows beyond that, and the kernel says so."""


@pytest.fixture
def volume(sandbox: Sandbox, tmp_path: Path) -> Path:
    """While this file exists, the pods of `IMAGE` find no room."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CRAMPED)
    # By way of the root, else a folder below /tmp would be taken for the pod's own /tmp.
    sandbox.map_image("cramped/runtime:*", [], {"PYTHONPATH": f"/..{folder}"})
    return folder / "full"


@pytest.fixture
def watched(sandbox: Sandbox, tmp_path: Path, volume: Path) -> Iterator[Watched]:
    with_crds(sandbox)
    now = int(time.time()) // STEP * STEP
    with ExitStack() as stack:
        found = stack.enter_context(namespace(sandbox, "volume"))
        found.files(calm=Recording(now - HISTORY, now + 3600).csv())
        settings = {
            "sources": {"files": FILES},
            "images": {"train": IMAGE, "score": IMAGE},
            "training": {"minPause": "0s"},
        }
        folder = tmp_path / "operator"
        stack.enter_context(running_operator(sandbox, folder, [found.name], settings))
        found.service("checkout", **SELDOM)
        found.await_condition("checkout", "Ready", "Ready", 180)
        yield found


def request_training(watched: Watched, value: str) -> None:
    note = f"anomaly-operator.dev/train-requested-at={value}"
    where = ("asvc", "checkout", "-n", watched.name)
    watched.cluster.kubectl("annotate", "--overwrite", *where, note, check=True)


def test_a_full_volume_is_told_and_the_old_model_serves_until_there_is_room(
    watched: Watched, volume: Path
) -> None:
    old = watched.revision("checkout")
    volume.touch()
    request_training(watched, "1")
    seen = watched.await_condition("checkout", "ModelReady", "StorageFull", 400)
    assert seen.status == "True"
    for words in (f"Revision {old} serves", "model volume is full", "Next try at"):
        assert words in seen.message
    assert watched.condition("checkout", "Ready").status == "True"
    # The old model is whole: it scores.
    watched.score("checkout")
    assert watched.status("checkout")["detection"]["run"]["outcome"] == "Succeeded"
    volume.unlink()
    request_training(watched, "2")
    watched.wait(lambda: watched.revision("checkout") != old, 180, "a new model serves")
    assert not watched.status("checkout")["training"].get("lastFailure")
