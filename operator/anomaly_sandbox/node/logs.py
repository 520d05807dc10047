"""Where the output of containers lies and how it is read. It outlives the pod on purpose:
a test that failed wants to know what a deleted pod said.
"""

from __future__ import annotations

from pathlib import Path


def folder(state: Path, namespace: str, pod: str, uid: str) -> Path:
    """The folder of one pod; in it a file `CONTAINER.ATTEMPT.log` for each run."""
    return state / "pod-logs" / f"{namespace}_{pod}_{uid}"


def has_run(state: Path, namespace: str, pod: str) -> bool:
    """Whether a pod of that name has ever run."""
    return any((state / "pod-logs").glob(f"{namespace}_{pod}_*"))


def read_logs(state: Path, namespace: str, pod: str, container: str = "") -> str:
    """All attempts of the newest pod of that name, in order; empty when it never ran."""
    folders = sorted(
        (state / "pod-logs").glob(f"{namespace}_{pod}_*"), key=lambda item: item.stat().st_mtime
    )
    if not folders:
        return ""
    files = sorted(folders[-1].glob(f"{container or '*'}.*.log"), key=lambda f: f.stat().st_mtime)
    return "".join(file.read_text(errors="replace") for file in files)


def attempts(state: Path, namespace: str, pod: str, container: str) -> list[Path]:
    """The log files of one container of the newest pod of that name, oldest run first."""
    folders = sorted(
        (state / "pod-logs").glob(f"{namespace}_{pod}_*"), key=lambda item: item.stat().st_mtime
    )
    files = folders[-1].glob(f"{container}.*.log") if folders else []
    return sorted(files, key=lambda file: int(file.name.split(".")[-2]))
