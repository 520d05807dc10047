"""The files that a backtest writes. They are opened before the work: a run of minutes must not end
at a file that cannot be written."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from anomaly_cli.atomic_file import written
from anomaly_cli.refusal import ArgumentError

OpenScores = Callable[[str], AbstractContextManager[TextIO]]


@dataclass(frozen=True, slots=True)
class Outputs:
    """None: not asked for. `scores` opens the file of a service, by its name; it may be called
    once for each."""

    scores: OpenScores | None = None
    incidents: TextIO | None = None
    report: TextIO | None = None


def opened(given: argparse.Namespace, stack: ExitStack) -> Outputs:
    """The outputs, which `stack` puts in their place when it closes. Raises ArgumentError."""
    files = {"--incidents": given.incidents, "--report": given.report}
    if not given.data.is_dir():
        files = {"--output": given.output, **files}
    wanted = {flag: path for flag, path in files.items() if path is not None}
    _check_apart(given, wanted)
    scores = _folder(given) if given.data.is_dir() and given.output is not None else None
    # Nothing is made before all has been checked.
    found = {flag: stack.enter_context(_file(flag, path)) for flag, path in wanted.items()}
    if "--output" in found:
        scores = _single(found["--output"])
    return Outputs(scores, found.get("--incidents"), found.get("--report"))


def _check_apart(given: argparse.Namespace, wanted: dict[str, Path]) -> None:
    seen: dict[Path, str] = {}
    for flag, path in wanted.items():
        place = path.resolve()
        if path.exists() and not path.is_file():
            continue  # a device, or what `written` refuses
        if given.data.exists() and place == given.data.resolve():
            raise ArgumentError(f"{flag} {path} is the recording itself; name another file")
        if place in {one.resolve() for one in given.file or ()}:
            raise ArgumentError(f"{flag} {path} is a file given by -f; name another file")
        if place in seen:
            raise ArgumentError(f"{flag} {path} is the file of {seen[place]} too; name another one")
        seen[place] = flag


def _single(file: TextIO) -> OpenScores:
    return lambda _: nullcontext(file)  # `stack` closes it


def _folder(given: argparse.Namespace) -> OpenScores:
    folder: Path = given.output
    if folder.exists() and folder.samefile(given.data):
        raise ArgumentError(
            f"--output {folder} is the folder of the recordings itself; name another folder"
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArgumentError(
            f"--output {folder}: {reason}; with a folder of recordings, name a folder"
        ) from error
    return lambda name: _file("--output", folder / f"{name}.csv")


def _file(flag: str, path: Path) -> AbstractContextManager[TextIO]:
    try:
        return written(path)
    except OSError as error:
        raise ArgumentError(
            f"{flag} {path}: {(error.strerror or str(error)).lower()}; name a file in a folder "
            "that you may write to"
        ) from error
