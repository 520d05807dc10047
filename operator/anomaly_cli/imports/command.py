"""`kubectl-anomaly import`: manifests of other SLO tools to SLOPolicies on standard output."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anomaly_cli import console
from anomaly_cli.console import Row
from anomaly_cli.imports import document, formats
from anomaly_cli.imports.objective import Loss
from anomaly_cli.refusal import InputError
from anomaly_operator.settings.yaml_text import YAMLError, load_all

NOTHING_IMPORTED = 3
STANDARD_INPUT = "-"
MOST = 10_000
"""Rows of a table: what is lost must all be named."""
_IMPORTED = ("POLICY", "OBJECTIVE", "TARGET", "WINDOW")
_LOST = ("MANIFEST", "FIELD", "WHAT")

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_EXIT_CODES = (
    "Exit codes: 0 at least one objective was imported; 2 wrong arguments or a file that cannot be "
    "read; 3 no objective was imported. What is not carried over is named on standard error."
)


class ImportFileError(InputError):
    """A file that is no YAML. The message names it and the next step."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    one = commands.add_parser(
        "import",
        help="write SLOs of OpenSLO, Sloth or Pyrra as SLOPolicies",
        description=f"Reads manifests of {formats.KNOWN} and prints SLOPolicies.",
        epilog=_EXIT_CODES,
    )
    one.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="YAML or JSON, several documents or a List; - is standard input",
    )
    one.add_argument(
        "--policy",
        metavar="NAME",
        default="",
        help="put all objectives of a namespace into one SLOPolicy of this name; default: one for "
        "each service, and for Pyrra, whose manifests name none, one for each manifest",
    )


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ImportFileError, OSError."""
    if given.policy and not _NAME.fullmatch(given.policy):
        raise ImportFileError(
            f"--policy {given.policy!r} is no name of an object; write lower-case letters, digits "
            "and -, such as checkout"
        )
    reading = formats.read(_documents(given.file))
    written: list[Row] = []
    for policy in document.merged(reading.policies, given.policy):
        found = document.manifest(policy, reading)
        if found is not None:
            sys.stdout.write(document.text(policy, found))
            written.extend(
                (found["metadata"]["name"], one["name"], one["target"], one["window"])
                for one in found["spec"]["objectives"]
            )
    sys.stdout.flush()
    _say("not carried over as it is", "yellow", reading.losses)
    _say("not imported", "red", reading.failed)
    count = "1 objective" if len(written) == 1 else f"{len(written)} objectives"
    if written and console.on(sys.stderr).is_terminal:
        console.title(f"imported {count}:", "green", sys.stderr)
        console.table(_IMPORTED, written, most=MOST, stream=sys.stderr)
    else:
        console.tell(f"imported {count}", "" if written else "red")
    return 0 if written else NOTHING_IMPORTED


def _say(title: str, style: str, losses: Sequence[Loss]) -> None:
    """On a terminal a table; else a line for each, which a search finds whole."""
    told = tuple(dict.fromkeys(losses))
    if not told:
        return
    if console.on(sys.stderr).is_terminal:
        console.title(f"{title}:", style, sys.stderr)
        rows = [(one.manifest, one.field, one.text) for one in told]
        console.table(_LOST, rows, most=MOST, stream=sys.stderr)
    else:
        for loss in told:
            console.tell(str(loss))


def _documents(path: Path) -> list[Any]:
    shown = "standard input" if str(path) == STANDARD_INPUT else str(path)
    try:
        if str(path) == STANDARD_INPUT:
            text = sys.stdin.read()
        else:
            text = path.read_text(encoding="utf-8-sig")
        if text.lstrip().startswith(("{", "[")):
            # JSON may be indented by tabs, which YAML forbids.
            with contextlib.suppress(json.JSONDecodeError):
                return [json.loads(text)]
        return load_all(text)
    except UnicodeDecodeError as error:
        raise ImportFileError(f"{shown} is not UTF-8 ({error.reason}); save it as UTF-8") from error
    except YAMLError as error:
        raise ImportFileError(f"{shown}: {error}") from error
