"""`kubectl-anomaly evaluate`: members and vote rules on labelled rows, and which choice is best."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from anomaly_cli import console
from anomaly_cli.atomic_file import written
from anomaly_cli.evaluation import text
from anomaly_cli.evaluation.document import document
from anomaly_cli.evaluation.evaluate import evaluated
from anomaly_cli.evaluation.generator import generated
from anomaly_cli.evaluation.labelled import Labelled, split
from anomaly_cli.evaluation.labelled_csv import Reading, read
from anomaly_cli.evaluation.members import DEFAULT, members
from anomaly_cli.evaluation.page import page
from anomaly_cli.refusal import ArgumentError

_MOST_SEED = 2**32 - 1
"""scikit-learn takes no larger one."""


def run(given: argparse.Namespace) -> int:
    """The exit code: 0 whichever choice is best. Raises InputError, OSError."""
    chosen = members(given.members) if given.members else DEFAULT
    if not 0 <= given.seed <= _MOST_SEED:
        raise ArgumentError(f"--seed: {given.seed} is not from 0 to {_MOST_SEED}")
    _check_paths(given)
    data = _rows(given)
    with ExitStack() as stack:
        # Opened before the work: a file that cannot be written is told at once.
        as_json, report = _opened(given.json, stack), _opened(given.report, stack)
        found = evaluated(split(data), chosen, given.seed)
        if as_json is not None:
            json.dump(document(found, data.notes), as_json, indent=2, allow_nan=False)
            as_json.write("\n")
        if report is not None:
            report.write(page(found, data.notes))
    for note in data.notes:
        console.tell(note)
    text.show(found)
    return 0


def _rows(given: argparse.Namespace) -> Labelled:
    if given.data is None:
        for flag in ("labels", "normal", "ignore"):
            if getattr(given, flag):
                raise ArgumentError(f"--{flag} needs --data, the file with that column")
        return generated(given.seed)
    if given.labels is None:
        raise ArgumentError("--data needs --labels, the name of the column with the labels")
    return read(given.data, Reading(given.labels, given.normal, tuple(given.ignore)))


def _check_paths(given: argparse.Namespace) -> None:
    seen: dict[Path, str] = {}
    for flag in ("data", "json", "report"):
        path: Path | None = getattr(given, flag)
        if path is None or (path.exists() and not path.is_file()):
            continue
        other = seen.setdefault(path.resolve(), flag)
        if other != flag:
            raise ArgumentError(f"--{flag} {path} is the file of --{other} too; name another one")


def _opened(path: Path | None, stack: ExitStack) -> TextIO | None:
    return None if path is None else stack.enter_context(written(path))
