"""The model manifest: what a model directory holds, for whom, and by which digests.

Its sha256 is the model's digest, which the operator pins in RunConfig: whoever swaps a file on
the volume changes the digest. Pure: bytes in, values out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from detector_runtime.store.array_file import MAX_MEMBERS, ArrayEntry, is_array_name

MODEL_FORMAT_VERSION = 1
_KEYS = {"formatVersion", "service", "trainedAt", "libraries", "engine", "arrays", "arraysDigest"}


class ManifestError(ValueError):
    """The manifest cannot be read as one of this format."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`engine`: the engine's own JSON; `libraries`: versions that trained the model."""

    service_uid: str
    service_name: str
    trained_at: str
    libraries: dict[str, str]
    engine: dict[str, Any]
    arrays: dict[str, ArrayEntry]

    @property
    def arrays_digest(self) -> str:
        """`sha256:...` over names, types, shapes and contents of all arrays."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            entry = self.arrays[name]
            digest.update(f"{name} {entry.dtype} {list(entry.shape)} {entry.sha256}\n".encode())
        return f"sha256:{digest.hexdigest()}"


def to_bytes(manifest: Manifest) -> bytes:
    """Canonical JSON; equal manifests give equal bytes."""
    document = {
        "formatVersion": MODEL_FORMAT_VERSION,
        "service": {"uid": manifest.service_uid, "name": manifest.service_name},
        "trainedAt": manifest.trained_at,
        "libraries": manifest.libraries,
        "engine": manifest.engine,
        "arrays": {
            name: {"dtype": entry.dtype, "shape": list(entry.shape), "sha256": entry.sha256}
            for name, entry in manifest.arrays.items()
        },
        "arraysDigest": manifest.arrays_digest,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def digest_of(raw: bytes) -> str:
    """The digest by which a manifest, and with it the model, is pinned."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def parse(raw: bytes) -> Manifest:
    """Read a manifest; ManifestError names what is wrong."""
    try:
        document = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ManifestError("the manifest is not JSON") from error
    if not isinstance(document, dict):
        raise ManifestError("the manifest is no JSON object")
    version = document.get("formatVersion")
    if version != MODEL_FORMAT_VERSION or isinstance(version, bool):
        raise ManifestError(
            f"the model is of format {version!r}, this runtime reads {MODEL_FORMAT_VERSION}; "
            "use the runtime image that trained it or train anew"
        )
    if set(document) != _KEYS:
        odd = min(set(document) ^ _KEYS)
        raise ManifestError(f"the manifest's fields differ from the format, first {odd[:40]!r}")
    service, libraries, engine = document["service"], document["libraries"], document["engine"]
    if not (isinstance(service, dict) and isinstance(libraries, dict) and isinstance(engine, dict)):
        raise ManifestError("service, libraries and engine must be objects")
    manifest = Manifest(
        service_uid=str(service.get("uid")),
        service_name=str(service.get("name")),
        trained_at=str(document["trainedAt"]),
        libraries={str(key): str(value) for key, value in libraries.items()},
        engine=engine,
        arrays=_table(document["arrays"]),
    )
    if manifest.arrays_digest != document["arraysDigest"]:
        raise ManifestError("arraysDigest does not match the table of arrays")
    return manifest


def _table(raw: Any) -> dict[str, ArrayEntry]:
    if not isinstance(raw, dict) or len(raw) > MAX_MEMBERS:
        raise ManifestError("the table of arrays is missing or too long")
    return {name: _entry(name, item) for name, item in raw.items()}


def _entry(name: str, item: Any) -> ArrayEntry:
    if not is_array_name(name):
        raise ManifestError(f"array name {name[:80]!r} is not a plain name")
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "sha256"}:
        raise ManifestError(f"array {name!r}: entry must hold dtype, shape and sha256")
    dtype, shape, sha256 = item["dtype"], item["shape"], item["sha256"]
    sizes_fit = isinstance(shape, list) and all(
        type(size) is int and 0 <= size < 2**40 for size in shape
    )
    if not isinstance(dtype, str) or not isinstance(sha256, str) or not sizes_fit:
        raise ManifestError(f"array {name!r}: entry has a value of the wrong kind")
    if len(shape) > 4:
        raise ManifestError(f"array {name!r}: {len(shape)} dimensions, at most 4")
    return ArrayEntry(dtype, tuple(shape), sha256)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
