"""A model's files in foreign hands: damaged, exchanged, made to harm."""

from __future__ import annotations

import io
import json
import os
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector_runtime.contract.run_config import ModelRef
from detector_runtime.errors import (
    ConfigInvalidError,
    ModelMissingError,
    ModelRefusedError,
)
from detector_runtime.store import manifest as manifests
from detector_runtime.store import revisions as store
from detector_runtime.store.array_file import ArrayFileError, describe
from detector_runtime.store.revisions import StoredModel, load
from loopback.settings import UID
from pretend.models import ARRAYS, OTHER, SERVICE, folder, put


@pytest.fixture
def stored(tmp_path) -> StoredModel:
    return put(tmp_path)


def test_what_was_saved_is_loaded_bit_for_bit(tmp_path, stored):
    manifest, arrays = load(tmp_path, UID, stored.ref)
    assert manifest.engine == {"layout": 1, "names": ["rate"]}
    assert manifest.service_uid == UID
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert np.array_equal(arrays[name], array)


def test_a_revision_is_named_by_time_and_digest(stored):
    head = stored.ref.digest.removeprefix("sha256:")[:6]
    assert stored.ref.revision == f"20260528-202640-{head}"


def test_equal_models_have_equal_digests(tmp_path, stored):
    again = put(tmp_path / "elsewhere")
    assert (again.ref, again.arrays_digest) == (stored.ref, stored.arrays_digest)


def test_a_model_is_read_only_memory(tmp_path, stored):
    _, arrays = load(tmp_path, UID, stored.ref)
    with pytest.raises(ValueError, match="read-only"):
        arrays["tails.robust/knots"][0] = 1.0


def rewrite(root: Path, stored: StoredModel, change: Callable[[dict], None]) -> ModelRef:
    """Change the manifest and pin the new digest, as an attacker with the operator's ear could."""
    path = folder(root, stored) / store.MANIFEST
    document = json.loads(path.read_bytes())
    change(document)
    raw = json.dumps(document).encode()
    path.write_bytes(raw)
    return ModelRef(stored.ref.revision, manifests.digest_of(raw))


def refused(root: Path, ref: ModelRef) -> str:
    with pytest.raises(ModelRefusedError) as caught:
        load(root, UID, ref)
    message = str(caught.value)
    assert ref.revision in message
    assert ref.digest[:19] in message
    return message


def set_array(name: str, **changes: object) -> Callable[[dict], None]:
    return lambda document: document["arrays"][name].update(changes)


def rename_array(name: str) -> Callable[[dict], None]:
    return lambda document: document["arrays"].update({name: document["arrays"].pop("flags")})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(formatVersion=2), "format 2"),
        (lambda d: d.update(formatVersion=True), "format"),
        (lambda d: d.pop("formatVersion"), "format"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.pop("engine"), "engine"),
        (lambda d: d.update(engine=[]), "objects"),
        (lambda d: d.update(service=5), "objects"),
        (lambda d: d["service"].update(uid=OTHER), OTHER),
        (lambda d: d.update(arraysDigest="sha256:0"), "arraysDigest"),
        (lambda d: d.update(arrays=[]), "table"),
        (set_array("flags", dtype=5), "wrong kind"),
        (set_array("flags", shape=[-1]), "wrong kind"),
        (set_array("flags", shape=[2**50]), "wrong kind"),
        (set_array("flags", shape="2"), "wrong kind"),
        (set_array("flags", shape=[1, 1, 1, 1, 2]), "dimensions"),
        (set_array("flags", more=1), "entry"),
        (rename_array("../../etc/passwd"), "plain name"),
        (rename_array("/etc/passwd"), "plain name"),
        (rename_array("a/../b"), "plain name"),
        (rename_array("x" * 200), "plain name"),
        (rename_array(""), "plain name"),
        (rename_array("a\x00b"), "plain name"),
    ],
)
def test_a_manifest_that_is_not_ours_to_read_is_refused(tmp_path, stored, change, said):
    assert said in refused(tmp_path, rewrite(tmp_path, stored, change))


def with_digest(change: Callable[[dict], None]) -> Callable[[dict], None]:
    """Make the table of arrays consistent again after `change`."""

    def both(document: dict) -> None:
        change(document)
        document["arraysDigest"] = ""
        for entry in document["arrays"].values():
            entry.setdefault("sha256", "")
        manifest = manifests.Manifest("", "", "", {}, {}, manifests._table(document["arrays"]))
        document["arraysDigest"] = manifest.arrays_digest

    return both


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_array("flags", shape=[3]), "manifest says"),
        (set_array("flags", dtype="<f8"), "manifest says"),
        (set_array("flags", dtype="|O"), "manifest says"),
        (set_array("flags", sha256="0" * 64), "digest"),
        (rename_array("flogs"), "differ"),
        (lambda d: d["arrays"].pop("flags"), "differ"),
    ],
)
def test_a_consistent_lie_about_the_arrays_is_refused(tmp_path, stored, change, said):
    assert said in refused(tmp_path, rewrite(tmp_path, stored, with_digest(change)))


def npy(array: np.ndarray, **options: bool) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def header(text: str) -> bytes:
    padded = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return out.getvalue()


def understated(packed: bytes, size: int) -> bytes:
    """`packed` with `size` in every place where the bomb's own size stood."""
    return packed.replace((300_000_000).to_bytes(4, "little"), size.to_bytes(4, "little"))


GOOD = {f"{name}.npy": npy(array) for name, array in ARRAYS.items()}
BOMB = {**GOOD, "flags.npy": b"\0" * 300_000_000}
HOSTILE = {
    "not a zip": b"hello",
    "empty": b"",
    "truncated": archive(GOOD)[:-40],
    "pickle": archive({**GOOD, "flags.npy": b"\x80\x04cos\nsystem\n(S'id'\ntR."}),
    "object array": archive({**GOOD, "flags.npy": npy(np.array([{}, 1]), allow_pickle=True)}),
    "huge header": archive({
        **GOOD,
        "flags.npy": header("{'descr': '|b1', 'fortran_order': False, 'shape': (1000000000,), }"),
    }),
    "negative shape": archive({
        **GOOD,
        "flags.npy": header("{'descr': '|b1', 'fortran_order': False, 'shape': (-2,), }"),
    }),
    "code in header": archive({
        **GOOD, "flags.npy": header("__import__('os').system('touch /tmp/owned')")
    }),
    "nested header": archive({**GOOD, "flags.npy": header("(" * 5000)}),
    "newer npy": archive({**GOOD, "flags.npy": b"\x93NUMPY\x03\x00" + b"\0" * 100}),
    "fortran order": archive({
        **GOOD, "tree/children.npy": npy(np.asfortranarray(ARRAYS["tree/children"]))
    }),
    "extra member": archive({**GOOD, "more.npy": npy(np.zeros(1))}),
    "missing member": archive({k: v for k, v in GOOD.items() if k != "flags.npy"}),
    "path traversal": archive({**GOOD, "../../../tmp/owned": b"x"}),
    "absolute path": archive({**GOOD, "/tmp/owned": b"x"}),
    "other values": archive({**GOOD, "flags.npy": npy(np.array([True, True]))}),
    "unfolds to more": archive({**GOOD, "flags.npy": GOOD["flags.npy"] + b"\0" * 10_000_000},
                               zipfile.ZIP_DEFLATED),
    "lies about its size": understated(archive(BOMB, zipfile.ZIP_DEFLATED), 130),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_array_file_is_refused_in_little_memory_and_opens_nothing(tmp_path, stored, name):
    (folder(tmp_path, stored) / store.ARRAYS).write_bytes(HOSTILE[name])
    tracemalloc.start()
    refused(tmp_path, stored.ref)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    assert not Path("/tmp/owned").exists()


def test_a_zip_bomb_is_refused_without_unfolding_it(tmp_path, stored):
    (folder(tmp_path, stored) / store.ARRAYS).write_bytes(archive(BOMB, zipfile.ZIP_DEFLATED))
    tracemalloc.start()
    assert "unfolds to 300000000 bytes" in refused(tmp_path, stored.ref)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024 * 1024


def duplicate_member() -> bytes:
    out = io.BytesIO(archive(GOOD))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as zipped:
        zipped.writestr("flags.npy", GOOD["flags.npy"])
    return out.getvalue()


def test_a_member_that_is_there_twice_is_refused(tmp_path, stored):
    (folder(tmp_path, stored) / store.ARRAYS).write_bytes(duplicate_member())
    refused(tmp_path, stored.ref)


def test_every_single_changed_byte_is_found(tmp_path, stored):
    rng = np.random.default_rng(7)
    for name in (store.MANIFEST, store.ARRAYS):
        path = folder(tmp_path, stored) / name
        good = path.read_bytes()
        for place in rng.choice(len(good), 150, replace=False):
            changed = bytearray(good)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(changed))
            try:
                _, arrays = load(tmp_path, UID, stored.ref)
            except ModelRefusedError:
                continue
            # Padding of the zip container may change; no number ever does.
            assert name == store.ARRAYS
            for key, array in ARRAYS.items():
                assert np.array_equal(arrays[key], array)
        path.write_bytes(good)


def test_every_truncation_is_found(tmp_path, stored):
    for name in (store.MANIFEST, store.ARRAYS):
        path = folder(tmp_path, stored) / name
        good = path.read_bytes()
        for size in range(0, len(good), max(1, len(good) // 40)):
            path.write_bytes(good[:size])
            refused(tmp_path, stored.ref)
        path.write_bytes(good)


def replaced_by(make: Callable[[Path, Path], None], name: str) -> Callable[[Path, Path], None]:
    def change(target: Path, outside: Path) -> None:
        outside.write_bytes((target / name).read_bytes())
        (target / name).unlink()
        make(target / name, outside)

    return change


def directory_link(target: Path, outside: Path) -> None:
    moved = target.parent / "moved-away"
    target.rename(moved)
    target.symlink_to(moved)


@pytest.mark.parametrize(
    "change",
    [
        replaced_by(lambda path, outside: path.symlink_to(outside), store.MANIFEST),
        replaced_by(lambda path, outside: path.symlink_to(outside), store.ARRAYS),
        replaced_by(lambda path, _: os.mkfifo(path), store.MANIFEST),
        replaced_by(lambda path, _: os.mkfifo(path), store.ARRAYS),
        replaced_by(lambda path, _: path.mkdir(), store.ARRAYS),
        lambda target, _: (target / "extra.py").write_text("import os"),
        directory_link,
    ],
)
def test_links_pipes_and_files_too_many_are_refused(tmp_path, stored, change):
    change(folder(tmp_path, stored), tmp_path / "outside")
    refused(tmp_path, stored.ref)


def test_files_larger_than_a_model_are_refused_unread(tmp_path, stored):
    for name, limit in (
        (store.MANIFEST, store.MAX_MANIFEST_BYTES),
        (store.ARRAYS, store.MAX_ARRAYS_BYTES),
    ):
        path = folder(tmp_path, stored) / name
        good = path.read_bytes()
        with path.open("wb") as file:
            file.truncate(limit + 1)
        assert "bytes" in refused(tmp_path, stored.ref)
        path.write_bytes(good)


@pytest.mark.parametrize("name", [store.MANIFEST, store.ARRAYS, ""])
def test_what_is_not_there_is_missing_and_not_damaged(tmp_path, stored, name):
    target = folder(tmp_path, stored) / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(ModelMissingError, match=stored.ref.revision):
        load(tmp_path, UID, stored.ref)


def test_a_model_copied_from_another_service_is_refused(tmp_path):
    foreign = put(tmp_path, service=replace(SERVICE, uid=OTHER))
    (tmp_path / UID).mkdir()
    shutil.copytree(tmp_path / OTHER / foreign.ref.revision, tmp_path / UID / foreign.ref.revision)
    assert OTHER in refused(tmp_path, foreign.ref)


@pytest.mark.parametrize("uid", ["../up", "", "a/b", ".", "..", "a\x00", "é", "-x", "u" * 65])
def test_a_uid_that_is_no_uid_names_no_folder(tmp_path, uid):
    with pytest.raises(ConfigInvalidError):
        load(tmp_path, uid, ModelRef("20260101-000000-abcdef", "sha256:0"))
    with pytest.raises(ConfigInvalidError):
        put(tmp_path, service=replace(SERVICE, uid=uid))


@pytest.mark.parametrize("revision", ["../other", "", "latest", "20260101-000000-abcdef/.."])
def test_a_revision_that_is_none_is_refused(tmp_path, revision):
    with pytest.raises(ModelRefusedError):
        load(tmp_path, UID, ModelRef(revision, "sha256:0"))


@pytest.mark.parametrize(
    "arrays",
    [
        {"bad": np.array([{}], dtype=object)},
        {"bad": np.array(["text"])},
        {"bad": np.array([1 + 2j])},
        {"../bad": np.zeros(1)},
        {f"a{k}": np.zeros(1) for k in range(300)},
    ],
)
def test_only_plain_numbers_under_plain_names_are_written(arrays):
    with pytest.raises(ArrayFileError):
        describe(arrays)
