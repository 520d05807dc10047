"""Model directories on the volume: written aside and renamed, read only against a pinned digest.

`MODELS/<service uid>/<revision>/{manifest.json, arrays.npz}`. A revision appears whole or not at
all and never changes afterwards, so neither a killed training nor two runs at once can tear one.
Reading refuses whatever is not exactly that: another service's model, a changed byte, a newer
format, a link, a file too many. There is no pointer file: RunConfig names what serves.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detector_runtime.contract.run_config import ModelRef, ServiceIdentity
from detector_runtime.contract.text import iso
from detector_runtime.errors import (
    ConfigInvalidError,
    ModelMissingError,
    ModelRefusedError,
    RunError,
    StorageFullError,
)
from detector_runtime.store import manifest as manifests
from detector_runtime.store.array_file import (
    Array,
    ArrayFileError,
    describe,
    read_arrays,
    write_arrays,
)
from detector_runtime.store.names import is_revision, is_uid

MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_ARRAYS_BYTES = 256 * 1024 * 1024
ASIDE = ".aside-"
ASIDE_AGE = 6 * 3600
"""Seconds after which what a killed training left aside is removed; no training runs that long."""
SWEEP_AGE = 86_400
"""Seconds; the longest deadline of a training, and so the oldest that a list of services can be."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What `save` put on the volume."""

    ref: ModelRef
    arrays_digest: str
    trained_at: str
    size: int


def save(
    root: Path,
    service: ServiceIdentity,
    *,
    arrays: dict[str, Array],
    engine: dict[str, Any],
    libraries: dict[str, str],
    now: int,
) -> StoredModel:
    """Write a new revision; StorageFullError (nothing left behind) when there is no room."""
    folder = _service_folder(root, service.uid)
    manifest = manifests.Manifest(
        service_uid=service.uid,
        service_name=service.name,
        trained_at=iso(now),
        libraries=libraries,
        engine=engine,
        arrays=describe(arrays),
    )
    raw = manifests.to_bytes(manifest)
    packed = io.BytesIO()
    write_arrays(packed, arrays)
    digest = manifests.digest_of(raw)
    revision = f"{_stamp(now):%Y%m%d-%H%M%S}-{digest.removeprefix('sha256:')[:6]}"
    size = len(raw) + packed.getbuffer().nbytes
    aside = folder / f"{ASIDE}{revision}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        _write(aside / MANIFEST, raw)
        _write(aside / ARRAYS, packed.getbuffer())
        _sync_folder(aside)
        _publish(aside, folder / revision)
        _sync_folder(folder)
    except OSError as error:
        raise _storage_error(error, root, size) from error
    finally:
        # Also on SIGTERM, which arrives as an exception.
        shutil.rmtree(aside, ignore_errors=True)
    return StoredModel(
        ModelRef(revision, digest), manifest.arrays_digest, manifest.trained_at, size
    )


def load(root: Path, uid: str, ref: ModelRef) -> tuple[manifests.Manifest, dict[str, Array]]:
    """The model `ref` of the service `uid`.

    ModelMissingError when it is not there, ModelRefusedError when it is not what `ref` pins.
    """
    if not is_revision(ref.revision):
        raise ModelRefusedError(f"model {ref.revision!r}: not a revision name")
    folder = _service_folder(root, uid) / ref.revision
    shown = f"model {ref.revision} ({ref.digest[:19]})"
    try:
        _check_folder(folder, shown)
        raw = _read(folder / MANIFEST, MAX_MANIFEST_BYTES)
        found = manifests.digest_of(raw)
        if found != ref.digest:
            raise ModelRefusedError(
                f"{shown}: the manifest on the volume has digest {found[:19]}; it was changed "
                "or damaged; train anew or pin another revision"
            )
        manifest = manifests.parse(raw)
        if manifest.service_uid != uid:
            raise ModelRefusedError(
                f"{shown}: trained for service uid {manifest.service_uid[:64]!r}, this is {uid!r}"
            )
        packed = _read(folder / ARRAYS, MAX_ARRAYS_BYTES)
        return manifest, read_arrays(io.BytesIO(packed), manifest.arrays)
    except FileNotFoundError as error:
        raise ModelMissingError(
            f"{shown}: not on the volume; train anew or pin another revision"
        ) from error
    except (manifests.ManifestError, ArrayFileError) as error:
        raise ModelRefusedError(f"{shown}: {error}") from error
    except OSError as error:
        raise ModelRefusedError(f"{shown}: cannot be read ({error.strerror})") from error


def prune(root: Path, uid: str, keep: int, serving: str, now: int) -> tuple[str, ...]:
    """Remove all but the newest `keep` revisions and the serving one; the names removed."""
    folder = _service_folder(root, uid)
    names = _names(folder)
    old = sorted(name for name in names if is_revision(name))[: -keep or None]
    gone = [name for name in old if name != serving]
    gone += [
        name for name in names if name.startswith(ASIDE) and _age(folder / name, now) > ASIDE_AGE
    ]
    return tuple(name for name in gone if _remove(folder / name))


def sweep(
    root: Path, own_uid: str, live: tuple[str, ...], now: int, prefix: str = ""
) -> tuple[str, ...]:
    """Remove the folders of services that are gone; the uids removed. `live`: all services whose
    uid begins with `prefix`; no other folder is looked at.

    Nothing when `live` is empty: an operator that does not know who lives must not kill. Nor what
    was written to within `SWEEP_AGE`: its service may be younger than the list.
    """
    if not live:
        return ()
    kept = {own_uid, *live}
    gone = [
        name
        for name in _names(root)
        if name.startswith(prefix)
        and is_uid(name)
        and name not in kept
        and _age(root / name, now) > SWEEP_AGE
    ]
    return tuple(name for name in gone if _remove(root / name))


def _service_folder(root: Path, uid: str) -> Path:
    if not is_uid(uid):
        raise ConfigInvalidError(f"service uid {uid!r} cannot name a folder")
    return root / uid


def _write(path: Path, data: bytes | memoryview) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError as error:
        # The same model, trained twice in one second: what stands there has the same digest.
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_folder(folder: Path, shown: str) -> None:
    for part in (folder.parent, folder):
        if not stat.S_ISDIR(part.lstat().st_mode):
            raise ModelRefusedError(f"{shown}: {part.name!r} is no directory")
    for name in _names(folder):
        if name not in {MANIFEST, ARRAYS}:
            raise ModelRefusedError(f"{shown}: holds {name[:80]!r}, which is no part of a model")


def _read(path: Path, limit: int) -> bytes:
    # O_NONBLOCK: opening a FIFO must not wait for a writer that never comes.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ArrayFileError(f"{path.name} is no regular file")
        if status.st_size > limit:
            raise ArrayFileError(f"{path.name} has {status.st_size} bytes, at most {limit}")
        return file.read(status.st_size)


def _storage_error(error: OSError, root: Path, size: int) -> RunError:
    if error.errno in _FULL:
        try:
            free = shutil.disk_usage(root).free
        except OSError:
            free = 0
        return StorageFullError(
            f"the model volume is full: the model needs {size} bytes, {free} are free; enlarge "
            "the claim or keep fewer revisions"
        )
    cause = (error.strerror or str(error)).lower()
    return RunError(f"the model volume cannot be written: {cause}")


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _age(path: Path, now: int) -> float:
    try:
        return now - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        return False
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _stamp(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)
