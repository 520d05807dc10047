"""Recordings below the one folder that the user named. Nothing else of the disk is read."""

from __future__ import annotations

from pathlib import Path

from anomaly_cli.refusal import ArgumentError

MAX_BYTES = 64 * 1024 * 1024


def content(root: Path | None, name: str) -> tuple[Path, bytes]:
    """The file `name` below `root` (resolved), by its name there. Raises ArgumentError, OSError."""
    if root is None:
        raise ArgumentError(
            "no file may be read: the server was started without --data-root; pass the recording "
            "as csv"
        )
    if "\0" in name:
        raise ArgumentError("file: a name has no zero byte")
    # Links are followed first, so that one inside the folder cannot lead out of it.
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ArgumentError(f"file {name}: it is not below {root}; name a file there")
    if not path.is_file():
        raise ArgumentError(f"file {name}: there is no such file below {root}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ArgumentError(
            f"file {name} has {size // 1024**2} MiB and at most {MAX_BYTES // 1024**2} are read; "
            "shorten the recording"
        )
    return path.relative_to(root), path.read_bytes()
