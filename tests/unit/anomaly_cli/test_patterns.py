"""`kubectl-anomaly patterns`: what there is, how it is written, and what a recording would meet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from anomaly_cli.__main__ import USAGE_ERROR, main
from anomaly_cli.patterns import written
from anomaly_operator.api.fields import Fields
from anomaly_operator.spec.patterns import read_patterns
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.patterns.catalogue import CATALOGUE

ROWS = 24 * 28
FAULT = range(600, 612)
SERVICE = """
apiVersion: anomaly-operator.dev/v1alpha1
kind: AnomalyService
metadata: {name: checkout}
spec:
  step: 1h
  category: BusinessCritical
  incidents: {separation: 6h}
  metrics:
  - {name: latency, role: Latency, query: latency, unit: Seconds}
  - {name: rate, role: Traffic, query: rate, unit: RequestsPerSecond}
  - {name: queue, query: queue, unit: Count}
  - {name: errors, role: Errors, query: errors, unit: Ratio}
  patterns:
  - name: slow_and_empty
    when:
    - {role: Latency, level: [High, VeryHigh]}
    - {metric: queue, level: [Normal, Moderate, Elevated]}
    message: "Requests take {latency} though the queue holds only {queue}"
  - name: backlog
    when: [{metric: queue, level: [VeryHigh]}]
    ratios: [{metric: queue, of: {metric: rate}, above: "2"}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks by the hour; latency is five times as high in twelve of them."""
    path = tmp_path_factory.mktemp("patterns")
    rng = np.random.default_rng(4)
    with (path / "data.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["timestamp", "latency", "rate", "queue", "errors"])
        for row in range(ROWS):
            factor = 5 if row in FAULT else 1
            figures = (rng.normal(0.2, 0.01) * factor, rng.normal(100, 5), rng.normal(20, 2))
            cells = [f"{one:.4f}" for one in (*figures, rng.uniform(0.001, 0.002))]
            lines.writerow([1_704_067_200 + row * 3600, *cells])
    (path / "service.yaml").write_text(SERVICE)
    return path


def test_every_pattern_is_shown_as_it_could_be_written() -> None:
    for spec in CATALOGUE:
        (read,) = read_patterns(Fields({"patterns": [written(spec)]}, "spec"), strict=True)
        assert read == PatternSpec(
            **{name: getattr(spec, name) for name in PatternSpec.__slots__ if name != "locked"}
        )


def test_a_services_own_patterns_come_first(folder: Path, capsys: Any) -> None:
    assert main(["patterns", "list", "-f", str(folder / "service.yaml")]) == 0
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "SEVERITY", "ALERTS", "FROM", "WHEN"]
    assert first.split()[0] == "slow_and_empty"
    assert len(rest) == 1 + len(CATALOGUE)


def test_one_pattern_is_yaml(capsys: Any) -> None:
    assert main(["patterns", "show", "database_latency_bottleneck"]) == 0
    (shown,) = yaml.safe_load(capsys.readouterr().out)
    assert shown["ratios"] == [
        {"role": "DatabaseLatency", "of": {"role": "Latency"}, "above": "0.7"}
    ]
    assert main(["patterns", "show", "database"]) == USAGE_ERROR
    assert "'database' is no pattern; kubectl-anomaly patterns list" in capsys.readouterr().err


def arguments(folder: Path, *more: str, service: str = "service.yaml") -> list[str]:
    files = ["--data", str(folder / "data.csv"), "-f", str(folder / service)]
    return ["patterns", "test", *files, "--warmup", "400", "--refit", "never", *more]


def test_a_recording_tells_what_would_have_matched_when_and_what_others_lack(
    folder: Path, capsys: Any
) -> None:
    assert main(arguments(folder, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    patterns = {one["name"]: one for one in found["patterns"]}
    fault = {f"2024-01-26T{hour:02}:00:00Z" for hour in range(1, 12)}
    own = patterns["slow_and_empty"]
    assert len(fault & set(own["met"])) >= 10
    assert fault & set(own["names"]) == fault & set(own["met"])
    assert patterns["latency_spike_recent"]["met"]
    assert not fault & set(patterns["latency_spike_recent"]["names"])
    assert patterns["backlog"]["met"] == []
    ratio = patterns["backlog"]["closest"]["lacks"][-1]
    assert ratio.startswith("queue / rate is ")
    assert ratio.endswith(", wanted more than 200%")
    (level,) = patterns["request_rate_cliff"]["closest"]["lacks"]
    assert level.startswith("rate is ")
    assert ", wanted VeryLow: below " in level
    (lacks,) = patterns["database_latency_degraded"]["closest"]["lacks"][:1]
    assert lacks == "DatabaseLatency: the service has no such metric"


def test_the_report_says_the_same_to_people(folder: Path, capsys: Any) -> None:
    assert main(arguments(folder)) == 0
    told = capsys.readouterr().out
    assert "windows judged, " in told
    assert "met, and how many windows the pattern names first:" in told
    assert "not met, the window that came closest, and what it lacks:" in told


def test_patterns_that_fit_no_metric_and_a_missing_file_are_refused(
    folder: Path, capsys: Any
) -> None:
    wrong = SERVICE.replace("{metric: queue, level", "{metric: quue, level")
    (folder / "wrong.yaml").write_text(wrong)
    assert main(arguments(folder, service="wrong.yaml")) == USAGE_ERROR
    assert "names the metric quue; the service has latency, rate" in capsys.readouterr().err
    assert main(["patterns", "test", "--data", str(folder / "data.csv")]) == USAGE_ERROR
    assert "patterns test needs -f" in capsys.readouterr().err
