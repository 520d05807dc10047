"""`kubectl-anomaly patterns`: what there is, how it is written, and what a recording would meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.__main__ import USAGE_ERROR, main
from anomaly_cli.patterns import written
from anomaly_operator.api.fields import Fields
from anomaly_operator.spec.patterns import read_patterns
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.patterns.catalogue import CATALOGUE
from tests.unit.anomaly_cli.four_weeks import Draw, latency, rate, recorded

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
    """Latency is high in the fault, and nothing else is."""
    path = tmp_path_factory.mktemp("patterns")
    columns: dict[str, Draw] = {
        "latency": latency,
        "rate": rate,
        "queue": lambda rng, _: rng.normal(20, 2),
        "errors": lambda rng, _: rng.uniform(0.001, 0.002),
    }
    recorded(path / "data.csv", columns)
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


SETTINGS = """
sources: {shop: {url: "http://prometheus:9090"}}
patterns:
- name: traffic_lost
  severity: High
  when: [{role: Traffic, level: [VeryLow]}]
  message: "Traffic fell to {traffic}"
- name: backlog
  severity: Low
  when: [{metric: queue, level: [VeryHigh]}]
- name: request_rate_cliff
  severity: Low
  when: [{role: Traffic, level: [VeryLow]}]
"""


def rows_of(text: str) -> dict[str, str]:
    """The lines of a list by the name of the pattern."""
    return {line.split()[0]: line for line in text.splitlines()[1:]}


def test_the_operators_settings_bring_their_patterns(folder: Path, capsys: Any) -> None:
    (folder / "settings.yaml").write_text(SETTINGS)
    quiet = SERVICE + "  nonAlertingPatterns: [error_rate_critical, traffic_los]\n"
    (folder / "quiet.yaml").write_text(quiet)
    settings = ["--settings", str(folder / "settings.yaml")]
    assert main(["patterns", "list", "-f", str(folder / "quiet.yaml"), *settings]) == 0
    out, err = capsys.readouterr()
    found = rows_of(out)
    assert " settings  " in found["traffic_lost"]
    assert " spec, replaces settings  " in found["backlog"]
    assert " settings, replaces built in  " in found["request_rate_cliff"]
    assert " no      built in" in found["error_rate_critical"]
    assert "warning: `spec.nonAlertingPatterns` has a name that no pattern has: traffic_los " in err
    assert "(closest: traffic_lost" in err
    assert main(["patterns", "show", "traffic_lost", *settings]) == 0
    assert yaml.safe_load(capsys.readouterr().out)[0]["severity"] == "High"
    assert main(["patterns", "show", "traffic_lost"]) == USAGE_ERROR


def test_settings_that_are_none_are_refused_with_the_file(folder: Path, capsys: Any) -> None:
    wrong = folder / "wrong-settings.yaml"
    wrong.write_text("patern: []\n")
    assert main(["patterns", "list", "--settings", str(wrong)]) == USAGE_ERROR
    said = capsys.readouterr().err
    assert f"--settings {wrong}: unknown setting patern" in said
    assert "settings.yaml of its ConfigMap" in said
    assert main(["patterns", "list", "--settings", str(folder / "gone")]) == USAGE_ERROR
    assert "gone: no such file" in capsys.readouterr().err


def test_one_pattern_is_yaml(capsys: Any) -> None:
    assert main(["patterns", "show", "database_latency_bottleneck"]) == 0
    (shown,) = yaml.safe_load(capsys.readouterr().out)
    assert shown["ratios"] == [
        {"role": "DatabaseLatency", "of": {"role": "Latency"}, "above": "0.7"}
    ]
    assert main(["patterns", "show", "database"]) == USAGE_ERROR
    said = capsys.readouterr().err
    assert "no pattern is called database; kubectl-anomaly patterns list shows all" in said
    assert main(["patterns", "show", "request_rate_clif"]) == USAGE_ERROR
    assert "called request_rate_clif (closest: request_rate_cliff" in capsys.readouterr().err


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
