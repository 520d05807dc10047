"""A real worker: it works, it is limited, and it dies with whoever asked."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from anomaly_dashboard.explore import process
from anomaly_dashboard.explore.process import Limits, TrialFailedError, carried_out
from unit.anomaly_dashboard.explore.recorded import job


async def test_it_answers_with_what_it_found() -> None:
    seen: list[tuple[int, int]] = []
    found = await carried_out(
        job(quick=True), None, Limits(), lambda done, of: seen.append((done, of))
    )
    assert [one.label for one in found] == ["old", "new"]
    assert found[0].incidents
    assert seen[-1][0] == seen[-1][1]


async def test_it_ends_at_its_cpu_time() -> None:
    with pytest.raises(TrialFailedError, match="beyond its CPU time"):
        await carried_out(job(), None, Limits(cpu_seconds=1), lambda _, __: None)


async def test_it_ends_at_its_memory() -> None:
    with pytest.raises(TrialFailedError):
        await carried_out(job(), None, Limits(memory=96 * 1024 * 1024), lambda _, __: None)


async def test_settings_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(TrialFailedError, match="settings file"):
        await carried_out(job(), tmp_path / "none.yaml", Limits(), lambda _, __: None)


async def test_cancelled_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    create = asyncio.create_subprocess_exec

    async def spied(*arguments: object, **keywords: object) -> asyncio.subprocess.Process:
        child = await create(*arguments, **keywords)  # type: ignore[arg-type]
        started.set_result(child.pid)
        return child

    monkeypatch.setattr(process.asyncio, "create_subprocess_exec", spied)
    task = asyncio.ensure_future(carried_out(job(), None, Limits(), lambda _, __: None))
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_environment_of_a_worker_holds_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHBOARD_SECRET", "hidden")
    found = process._environment()
    assert "DASHBOARD_SECRET" not in found
    assert found["OPENBLAS_NUM_THREADS"] == "1"
