"""The model volume in trouble: no room, torn writes, two at once; and what is cleared away."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from detector_runtime.contract.run_config import ModelRef
from detector_runtime.errors import RunError, StorageFullError
from detector_runtime.store import manifest as manifests
from detector_runtime.store import revisions as store
from detector_runtime.store.revisions import StoredModel, load, prune, sweep
from loopback.settings import UID
from pretend.models import NOW, OTHER, SERVICE, put

LATER = int(time.time()) + 2 * store.SWEEP_AGE
FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]
STEPS = ["mkdir", "write manifest", "write arrays", "sync", "rename"]


@pytest.fixture
def stored(tmp_path) -> StoredModel:
    return put(tmp_path)


@pytest.mark.parametrize("code", FULL)
@pytest.mark.parametrize("step", STEPS)
def test_a_full_volume_leaves_nothing_behind_and_names_the_bytes(
    tmp_path, monkeypatch, stored, step, code
):
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    real = store._write

    def write(path: Path, data: bytes) -> None:
        if (path.name == store.MANIFEST) == (step == "write manifest"):
            path.write_bytes(bytes(data)[:10])
            fail()
        real(path, data)

    if step.startswith("write"):
        monkeypatch.setattr(store, "_write", write)
    else:
        broken = {"mkdir": (Path, "mkdir"), "sync": (os, "fsync"), "rename": (Path, "rename")}
        monkeypatch.setattr(*broken[step], fail)
    with pytest.raises(StorageFullError, match=r"needs \d+ bytes, \d+ are free"):
        put(tmp_path, NOW + 60)
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / UID).iterdir()] == [stored.ref.revision]
    load(tmp_path, UID, stored.ref)


def test_a_volume_that_is_read_only_is_not_called_full(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(RunError, match="read-only file system") as caught:
        put(tmp_path)
    assert not isinstance(caught.value, StorageFullError)


def test_a_real_file_size_limit_is_a_full_volume(tmp_path):
    script = (
        "import resource,signal,sys,numpy as np\n"
        "from pathlib import Path\n"
        "from detector_runtime.contract.run_config import ServiceIdentity\n"
        "from detector_runtime.errors import StorageFullError\n"
        "from detector_runtime.store.revisions import save\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n"
        f"    save(Path({str(tmp_path)!r}), ServiceIdentity('s','c',{UID!r}),\n"
        "         arrays={'a': np.random.default_rng(1).random(9999)}, engine={}, libraries={},\n"
        "         now=1780000000)\n"
        "except StorageFullError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "the model volume is full" in done.stdout, done.stderr
    assert list((tmp_path / UID).iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from detector_runtime.store import revisions as store
from detector_runtime.contract.run_config import ServiceIdentity
calls = 0
def dying(real):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os._exit(9)
        return real(*arguments, **options)
    return call
os.fsync = dying(os.fsync)
Path.mkdir = dying(Path.mkdir)
Path.open = dying(Path.open)
Path.rename = dying(Path.rename)
store.save(Path(sys.argv[1]), ServiceIdentity("s", "c", sys.argv[3]),
           arrays={"a": np.zeros(9)}, engine={}, libraries={}, now=1780000000)
"""


def test_killed_at_any_step_a_training_leaves_a_whole_revision_or_none(tmp_path):
    finished = 0
    for step in range(1, 14):
        root = tmp_path / str(step)
        root.mkdir()
        command = [sys.executable, "-c", KILLED, str(root), str(step), UID]
        finished += subprocess.run(command, check=False).returncode == 0
        home = root / UID
        whole = (
            [p for p in home.iterdir() if not p.name.startswith(store.ASIDE)]
            if (home.exists())
            else []
        )
        for path in whole:
            digest = manifests.digest_of((path / store.MANIFEST).read_bytes())
            load(root, UID, ModelRef(path.name, digest))
        prune(root, UID, 3, "", 2**31)
        left = [p.name for p in home.iterdir()] if home.exists() else []
        assert left == [p.name for p in whole]
    assert finished >= 1


def test_the_newest_revisions_and_the_serving_one_stay(tmp_path):
    made = [put(tmp_path, NOW + 60 * k).ref.revision for k in range(6)]
    gone = prune(tmp_path, UID, 2, serving=made[0], now=NOW)
    assert sorted(gone) == made[1:4]
    assert sorted(p.name for p in (tmp_path / UID).iterdir()) == [made[0], *made[4:]]


def test_pruning_to_none_keeps_what_serves(tmp_path):
    made = [put(tmp_path, NOW + 60 * k).ref.revision for k in range(3)]
    prune(tmp_path, UID, 0, serving=made[1], now=NOW)
    assert [p.name for p in (tmp_path / UID).iterdir()] == [made[1]]


def test_what_another_training_is_writing_now_is_left_alone(tmp_path):
    aside = tmp_path / UID / f"{store.ASIDE}20260101-000000-abcdef-7"
    aside.mkdir(parents=True)
    now = int(aside.stat().st_mtime)
    assert prune(tmp_path, UID, 3, "", now + 60) == ()
    assert prune(tmp_path, UID, 3, "", now + store.ASIDE_AGE + 1) == (aside.name,)


def test_folders_of_services_that_are_gone_are_swept(tmp_path):
    for uid in (UID, OTHER, "live-1", "gone-1"):
        put(tmp_path, service=replace(SERVICE, uid=uid))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "note.txt").write_text("mine")
    assert sorted(sweep(tmp_path, UID, ("live-1",), LATER)) == [OTHER, "gone-1"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [UID, "live-1", "lost+found", "note.txt"]
    )


def test_a_model_written_since_the_list_of_services_was_made_is_not_swept(tmp_path):
    put(tmp_path, service=replace(SERVICE, uid=OTHER))
    now = int((tmp_path / OTHER).stat().st_mtime)
    assert sweep(tmp_path, UID, (UID,), now + store.SWEEP_AGE) == ()
    assert sweep(tmp_path, UID, (UID,), now + store.SWEEP_AGE + 2) == (OTHER,)


def test_nothing_is_swept_by_an_operator_that_does_not_know_who_lives(tmp_path):
    put(tmp_path, service=replace(SERVICE, uid=OTHER))
    assert sweep(tmp_path, UID, (), LATER) == ()
    assert (tmp_path / OTHER).exists()


def test_a_link_is_never_followed_when_removing(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    root = tmp_path / "models"
    root.mkdir()
    (root / "gone-1").symlink_to(outside)
    sweep(root, UID, ("live",), LATER)
    assert (outside / "precious").exists()


def test_the_same_model_trained_twice_at_once_is_one_revision(tmp_path):
    first, second = put(tmp_path), put(tmp_path)
    assert first.ref == second.ref
    assert [p.name for p in (tmp_path / UID).iterdir()] == [first.ref.revision]
    load(tmp_path, UID, first.ref)
