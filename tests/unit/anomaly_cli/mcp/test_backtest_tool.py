"""The tool backtest: the command's own replay, of what the caller gives and of nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

from anomaly_cli import backtest
from anomaly_cli.__main__ import main
from anomaly_cli.mcp import calls, data_root
from anomaly_cli.mcp.options import Options
from loopback.prometheus import FakePrometheus
from loopback.server import Answer
from pretend.assistant import Api, asking, served
from pretend.stored_service import METRICS, service
from tests.unit.anomaly_cli.four_weeks import latency, recorded

Json = dict[str, Any]
Step = Callable[[int, int], None]
MANIFEST: Json = {
    "apiVersion": "anomaly-operator.dev/v1alpha1",
    "kind": "AnomalyService",
    "metadata": {"name": "checkout"},
    "spec": {"metrics": METRICS[:1]},
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return recorded(tmp_path / "data" / "checkout.csv", {"latency": latency})


async def test_its_incidents_are_those_of_the_command(
    recording: Path, tmp_path: Path, capsys: Any
) -> None:
    manifest = tmp_path / "service.yaml"
    manifest.write_text(yaml.safe_dump(MANIFEST))
    words = ["--data", str(recording), "-f", str(manifest), "--refit", "never", "--json"]
    assert main(["backtest", *words]) == 0
    expected = json.loads(capsys.readouterr().out)
    options = Options(data_root=recording.parent)
    done: list[tuple[float, float | None]] = []

    async def progress(step: float, total: float | None, message: str | None) -> None:
        done.append((step, total))

    async with asking(options) as assistant:
        asked = {"manifest": yaml.safe_dump(MANIFEST), "refit": "never"}
        text, by_file = await assistant.call("backtest", file="checkout.csv", **asked)
        found = await assistant.client.call_tool(
            "backtest", {"csv": recording.read_text(), **asked}, progress_callback=progress
        )
    assert by_file["incidents"] == expected["incidents"] != []
    assert by_file["falseIncidents"] == expected["falseIncidents"]
    assert by_file["scored"] == expected["scored"]
    assert found.structured_content == by_file
    assert "incidents:" in text
    assert done[-1][0] == done[-1][1]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../secret.csv", "it is not below"),
        ("/etc/passwd", "it is not below"),
        ("link.csv", "it is not below"),
        ("absent.csv", "there is no such file below"),
        (".", "there is no such file below"),
        ("a\0b", "no zero byte"),
        ("large.csv", "at most 0 are read"),
    ],
)
async def test_no_file_outside_the_folder_is_read(
    recording: Path, monkeypatch: Any, name: str, words: str
) -> None:
    secret = recording.parent.parent / "secret.csv"
    secret.write_text("time,a\n1,2\n")
    (recording.parent / "link.csv").symlink_to(secret)
    (recording.parent / "large.csv").write_text("x" * 20)
    monkeypatch.setattr(data_root, "MAX_BYTES", 10)
    async with asking(Options(data_root=recording.parent.resolve())) as assistant:
        assert words in await assistant.refused("backtest", file=name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "names nothing as recording; give one of csv, file, days"),
        ({"csv": "time,a\n1,2\n", "days": 2}, "names csv and days as recording"),
        ({"file": "a.csv"}, "started without --data-root; pass the recording as csv"),
        ({"days": 2, "manifest": yaml.safe_dump(MANIFEST)}, "started without --source-url"),
        ({"csv": "nonsense"}, "csv: line 1 needs a timestamp"),
        ({"csv": "time,a\n1,2\n", "refit": "soon"}, "refit 'soon'"),
        ({"csv": "time,a\n1,2\n", "warmup": "9"}, "csv has 1 rows"),
        ({"csv": "time,a\n1,2\n61,2\n121,3\n", "time_zone": "Mars"}, "time_zone 'Mars'"),
        ({"csv": "time,a\n1,2\n61,2\n121,3\n", "step": "1s"}, "step 1s is out of range"),
        ({"csv": "time,a\n", "manifest": "kind: Pod"}, "manifest has no AnomalyService"),
    ],
)
async def test_what_cannot_be_replayed_is_said_with_the_next_step(
    arguments: Json, words: str
) -> None:
    async with asking(Options()) as assistant:
        assert words in await assistant.refused("backtest", **arguments)


async def test_the_service_may_be_the_clusters(
    recording: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    policy = {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "SLOPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "thresholds": {"latency": {"acceptable": "1s", "warning": "2s", "critical": "3s"}}
        },
    }
    raw = service(spec={"metrics": METRICS[:1], "sloPolicyRef": {"name": "web"}})
    for path in served(Api([raw, policy]), tmp_path):
        options = Options(kubeconfig=path, data_root=recording.parent.resolve())
        async with asking(options) as assistant:
            _, found = await assistant.call(
                "backtest", file="checkout.csv", service="checkout", refit="never"
            )
    assert (found["service"], found["sloPolicy"]) == ("checkout", "web")


async def test_the_named_prometheus_alone_is_asked_and_its_address_is_not_repeated() -> None:
    hourly = {**MANIFEST, "spec": {"step": "1h", "incidents": {"separation": "12h"}}}
    hourly["spec"]["metrics"] = METRICS[:1]
    manifest = yaml.safe_dump(hourly)

    def value(moment: int) -> float:
        return 0.2 + moment % 7 / 1000

    with FakePrometheus({"latency": value}) as server:
        async with asking(Options(source_url=server.url)) as assistant:
            text, found = await assistant.call("backtest", days=7, manifest=manifest, refit="never")
            assert "needs a manifest" in await assistant.refused("backtest", days=7)
            server.refuse = lambda start, end, step: Answer(500, b"broken")
            said = await assistant.refused("backtest", days=7, manifest=manifest)
    assert found["stepSeconds"] == 3600
    assert found["windows"] == 7 * 24
    assert "scored" in text
    assert server.url not in said


async def test_a_backtest_ends_with_the_call_and_one_runs_at_a_time(
    monkeypatch: Any,
) -> None:
    started, ended, others = threading.Event(), threading.Event(), []

    def endless(one: Any, plan: Any, warmup: int, refit: int, step: Step, **_: Any) -> None:
        others.append(threading.current_thread().name)
        started.set()
        try:
            while True:
                step(1, 2)
        finally:
            ended.set()

    monkeypatch.setattr(backtest, "run", endless)
    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.0)
    rows = {"csv": "time,a\n60,2\n120,2\n180,3\n240,2\n"}
    async with asking(Options()) as assistant:
        async with anyio.create_task_group() as group:
            group.start_soon(_quietly, assistant, rows)
            assert await anyio.to_thread.run_sync(started.wait, 60)
            said = await assistant.refused("backtest", **rows)
            assert said.startswith("another backtest is running, and one runs at a time")
            # The loop answers while the backtest runs.
            assert (await assistant.client.list_tools()).tools
            group.cancel_scope.cancel()
        assert await anyio.to_thread.run_sync(ended.wait, 60)
    assert len(others) == 1


async def _quietly(assistant: Any, arguments: Json) -> None:
    await assistant.raw("backtest", **arguments)


async def test_a_backtest_that_takes_too_long_is_stopped(monkeypatch: Any) -> None:
    def endless(one: Any, plan: Any, warmup: int, refit: int, step: Step, **_: Any) -> None:
        while True:
            step(1, 2)

    monkeypatch.setattr(backtest, "run", endless)
    monkeypatch.setattr(calls, "BACKTEST_SECONDS", -60.0)
    async with asking(Options()) as assistant:
        said = await assistant.refused("backtest", csv="time,a\n60,2\n120,2\n180,3\n240,2\n")
    assert "was stopped; give fewer rows, a longer step or a longer refit" in said
