"""`python -m anomaly_dashboard.explore.worker`: one trial in a process of its own.

One job on standard input, one JSON object a line on standard output: `progress`, and at last
`result` or `error`. It limits its own memory and CPU time, gives way to everything else, and opens
no connection. Whoever started it may kill it at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from anomaly_cli.refusal import InputError
from anomaly_dashboard.explore import job as jobs
from anomaly_dashboard.explore import tried as findings
from anomaly_dashboard.explore.trial import tried
from anomaly_operator.settings.file import load_settings
from anomaly_operator.settings.values import Settings

NICE = 10
_PARTS = 200
"""Steps in which progress is told at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where a line says what came out, also that it went wrong."""
    given = _arguments(arguments)
    os.nice(NICE)
    _limit(given.memory, given.cpu)
    settings = load_settings(given.settings) if given.settings else Settings()
    return work(sys.stdin, sys.stdout, settings)


def work(given: TextIO, out: TextIO, settings: Settings) -> int:
    """Read a job, do it, and write what came of it."""
    said = -1

    def progress(done: int, total: int) -> None:
        nonlocal said
        part = _PARTS * done // max(total, 1)
        if part != said:
            said = part
            _write(out, {"progress": [done, total]})

    try:
        found = tried(jobs.loaded(given.readline()), settings, progress)
    except InputError as error:
        _write(out, {"error": str(error)})
        return 0
    except MemoryError:
        _write(out, {"error": "the trial needs more memory than a worker may have; try fewer days"})
        return 0
    _write(out, {"result": findings.dumped(found)})
    return 0


def _write(out: TextIO, document: dict[str, Any]) -> None:
    out.write(json.dumps(document, separators=(",", ":")) + "\n")
    out.flush()


def _limit(memory: int, cpu: int) -> None:
    """Bytes of address space and seconds of CPU time; the kernel ends what goes beyond."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="anomaly_dashboard.explore.worker")
    parser.add_argument("--settings", type=Path, help="the operator's settings file")
    parser.add_argument("--memory", type=int, required=True, help="bytes of address space")
    parser.add_argument("--cpu", type=int, required=True, help="seconds of CPU time")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
