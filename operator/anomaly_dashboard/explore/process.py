"""A worker process from its start to its end, whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_dashboard.explore import job as jobs
from anomaly_dashboard.explore import tried as findings
from anomaly_dashboard.explore.job import Job
from anomaly_dashboard.explore.tried import Tried

MEMORY = 1536 * 1024 * 1024
"""Bytes of address space. A trial of 44 days at a step of 1m with five metrics has about 470 MiB in
memory, and its libraries reserve as much again."""
CPU_SECONDS = 600
"""Two settings over 14 days at a step of 1m with five metrics and one training each take
about 35."""
WALL_SECONDS = 1_800
"""A worker has a low claim to a CPU, so it may take long for its CPU time."""
MAX_LINE = 64 * 1024 * 1024
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZDIR", "LD_LIBRARY_PATH")
# One worker is one thread, or two of them would take a machine.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Progress = Callable[[int, int], None]


class TrialFailedError(Exception):
    """A trial without a result. The message says why, for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    memory: int = MEMORY
    cpu_seconds: int = CPU_SECONDS
    wall_seconds: float = WALL_SECONDS


LIMITS = Limits()


async def carried_out(
    job: Job, settings: Path | None, limits: Limits, on_progress: Progress
) -> tuple[Tried, ...]:
    """What a worker of its own makes of `job`. Cancelled, it kills the worker first. Raises
    TrialFailedError."""
    process = await asyncio.create_subprocess_exec(
        *_command(settings, limits),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE,
        env=_environment(),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.wall_seconds):
            return await _conversation(process, jobs.dumped(job), on_progress)
    except TimeoutError as error:
        raise TrialFailedError(
            f"the trial took more than {limits.wall_seconds:.0f} seconds; try fewer days, or one "
            "training"
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _conversation(
    process: asyncio.subprocess.Process, job: str, on_progress: Progress
) -> tuple[Tried, ...]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.ensure_future(process.stderr.read())
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(job.encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        while line := await process.stdout.readline():
            document: dict[str, Any] = json.loads(line)
            if "result" in document:
                return findings.loaded(document["result"])
            if "error" in document:
                raise TrialFailedError(str(document["error"]))
            done, total = document["progress"]
            on_progress(int(done), int(total))
        raise TrialFailedError(
            _ended(await process.wait(), (await errors).decode("utf-8", "replace"))
        )
    finally:
        errors.cancel()


def _ended(code: int, said: str) -> str:
    """Why a worker ended without a word. Signals are negative codes."""
    if code < 0:
        return (
            f"the trial was ended by signal {-code}, as it went beyond its CPU time or its memory; "
            "try fewer days, or one training"
        )
    last = said.strip().splitlines()[-1:] or ["nothing"]
    return f"the worker ended with code {code} and said: {last[0][:200]}"


def _command(settings: Path | None, limits: Limits) -> list[str]:
    command = [sys.executable, "-m", "anomaly_dashboard.explore.worker"]
    command += ["--memory", str(limits.memory), "--cpu", str(limits.cpu_seconds)]
    return [*command, *(("--settings", str(settings)) if settings else ())]


def _environment() -> dict[str, str]:
    """What Python needs to start, and nothing else of ours."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {**kept, **dict.fromkeys(_THREADS, "1"), "PYTHONDONTWRITEBYTECODE": "1"}
