"""Each row of the table, as the API server shows it in the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from benchmarks.patterns.control_plane import HOUR, Stage
from benchmarks.patterns.shop_table import TABLE
from watched.namespace import namespace, with_crds

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def test_each_row_of_the_table(sandbox: Sandbox, prometheus_url: str, tmp_path: Path) -> None:
    with namespace(with_crds(sandbox), "patterns") as watched:
        began = time.monotonic()

        def say(what: str) -> None:
            print(f"{time.monotonic() - began:6.0f} s  {what}", flush=True)

        stage = Stage(watched, prometheus_url, tmp_path, TABLE)
        stage.record()
        say("recorded")
        stage.apply()
        with stage.operator(HOUR):
            stage.train()
            say("trained")
        delay = int(time.time()) - stage.end
        with stage.operator(delay):
            stage.score(delay)
            say("scored")
            before = stage.found()
            for one in before:
                print(one, one.problems, "", sep="\n")
            stage.judge(before)
            say("judged")
            for one in stage.found():
                print(one, one.problems, "", sep="\n")
