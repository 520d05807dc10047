"""`kubectl anomaly plan`: what a changed spec changes, said by the operator's own reconcile."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from anomaly_cli.__main__ import USAGE_ERROR, main
from anomaly_cli.verbs import plan_replay
from anomaly_cli.verbs.differences import differences
from anomaly_cli.verbs.spec_essentials import essentials
from anomaly_operator.spec.service_parse import parse_service
from loopback.prometheus import FakePrometheus
from pretend.stored_service import METRICS, MODEL, service

Json = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "current.yaml").write_text(yaml.safe_dump(service()))
    return tmp_path


def changed(folder: Path, *more: Json, **spec: Any) -> list[str]:
    """The arguments to plan the service with these fields of its spec."""
    raw = service(spec=spec)
    new = {**raw, "metadata": {"name": "checkout", "namespace": "shop"}}
    del new["status"]
    path = folder / "new.yaml"
    path.write_text(yaml.safe_dump_all([new, *more]))
    return ["plan", "-f", str(path), "--current", str(folder / "current.yaml")]


def told(capsys: Any, arguments: list[str]) -> str:
    assert main(arguments) == 0
    return " ".join(str(capsys.readouterr().out).split())


def test_the_same_spec_changes_nothing(folder: Path, capsys: Any) -> None:
    assert "The spec is the same, and so is everything" in told(capsys, changed(folder))


def test_defaults_that_are_written_out_are_no_difference(folder: Path, capsys: Any) -> None:
    written = {"step": "2m", "suspend": False, "incidents": {"confirmationCycles": 2}}
    assert "The spec is the same" in told(capsys, changed(folder, **written))


def test_what_training_reads_trains_and_the_old_model_serves_meanwhile(
    folder: Path, capsys: Any
) -> None:
    found = told(capsys, changed(folder, detector={"falseIncidentsPerWeek": "2"}))
    assert "Spec detector.falseIncidentsPerWeek: (not set) -> 2" in found
    assert "Training Trains at once, because what a model learns from changes." in found
    assert f"{MODEL['revision']} goes on serving." in found
    assert "RunConfig to score: detector" in found
    assert (
        "1 a week tolerated, 0.84 expected of the model, 0.2 observed. After the change 2" in found
    )


def test_other_metrics_or_another_step_say_that_earlier_models_no_longer_fit(
    folder: Path, capsys: Any
) -> None:
    found = told(capsys, changed(folder, step="5m"))
    assert "Trains at once, because metrics or step change." in found
    assert "earlier revisions can no longer be pinned" in found
    assert "CronJob checkout-inf-" in found
    assert "An incident opens after 2 anomalous windows (10m)" in found
    assert "until now it opens after 2 anomalous windows (4m)" in found


def test_a_schedule_changes_no_model(folder: Path, capsys: Any) -> None:
    found = told(capsys, changed(folder, training={"schedule": "0 3 * * *"}))
    assert f"No training: {MODEL['revision']} goes on serving." in found


def test_a_policy_of_the_file_is_told_with_its_thresholds(folder: Path, capsys: Any) -> None:
    policy = {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "SLOPolicy",
        "metadata": {"name": "web"},
        "spec": {"thresholds": {"latency": {"acceptable": "300ms", "critical": "1s"}}},
    }
    policy["spec"]["thresholds"]["latency"]["warning"] = "800ms"  # type: ignore[index]
    found = told(capsys, changed(folder, policy, sloPolicyRef={"name": "web"}))
    assert "SLOPolicy web applies, for the first time." in found


def test_a_reference_to_no_policy_is_told(folder: Path, capsys: Any) -> None:
    found = told(capsys, changed(folder, sloPolicyRef={"name": "lost"}))
    assert "`spec.sloPolicyRef` names SLOPolicy lost, which does not exist" in found


def test_a_service_that_is_new(folder: Path, capsys: Any) -> None:
    new = service()
    new = {**new, "metadata": {"name": "cart", "namespace": "shop"}}
    del new["status"]
    (folder / "cart.yaml").write_text(yaml.safe_dump(new))
    current = str(folder / "current.yaml")
    found = told(capsys, ["plan", "-f", str(folder / "cart.yaml"), "--current", current])
    assert "Spec a new service" in found
    assert "A first model is trained as soon as there is enough history." in found
    assert "PersistentVolumeClaim anomaly-models is created." in found


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"step": "2s"}, "spec.step"),
        ({"metrics": []}, "spec"),
        ({"timeZone": "Mars/Olympus"}, "spec.timeZone"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(
    folder: Path, capsys: Any, spec: Json, message: str
) -> None:
    assert main(changed(folder, **spec)) == USAGE_ERROR
    assert message in capsys.readouterr().err


def test_what_the_settings_forbid_is_told(folder: Path, capsys: Any) -> None:
    settings = folder / "settings.yaml"
    settings.write_text("sources: {default: {type: Prometheus, url: 'http://p:9090'}}\n")
    words = [*changed(folder, source={"name": "other"}), "--settings", str(settings)]
    assert "Refused" in told(capsys, words)
    settings.write_text("sources: 3\n")
    assert main(words) == USAGE_ERROR


def test_a_plan_for_programs(folder: Path, capsys: Any) -> None:
    words = [*changed(folder, detector={"falseIncidentsPerWeek": "2"}), "-o", "json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["service"], found["namespace"]) == ("checkout", "shop")
    assert found["changes"]["spec"] == ["detector.falseIncidentsPerWeek: (not set) -> 2"]
    assert found["replay"] == []


def test_two_recordings_or_none(folder: Path, capsys: Any) -> None:
    words = [*changed(folder, suspend=True), "--data", "x.csv", "--source-url", "http://x"]
    assert main(words) == USAGE_ERROR
    assert "give one of them" in capsys.readouterr().err


def test_a_replay_shows_both_specs_side_by_side(
    folder: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(plan_replay, "MAX_TRAININGS", 1)
    rng = np.random.default_rng(7)
    with (folder / "data.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["time", "latency"])
        for row in range(336):
            slow = 5 if 300 <= row < 303 else 1
            latency = rng.normal(0.2, 0.01) * slow
            lines.writerow([1_795_000_000 + row * 3600, f"{latency:.5f}"])
    hourly = {"step": "1h", "metrics": METRICS[:1]}
    current = service(spec={**hourly, "incidents": {"separation": "12h"}})
    (folder / "current.yaml").write_text(yaml.safe_dump(current))
    incidents = {"separation": "12h", "confirmationCycles": 5}
    words = changed(folder, **hourly, incidents=incidents)
    assert main([*words, "--data", str(folder / "data.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = {line.split()[0]: line.split() for line in lines if line.startswith("  ")}
    now, then = table["now"], table["then"]
    assert now[1] == then[1]
    assert int(now[2]) > int(then[2]) == 0
    assert any(line.startswith("only now: ") for line in lines)


def test_a_replay_asks_a_prometheus_that_the_user_names(folder: Path, capsys: Any) -> None:
    words = changed(folder, suspend=True)
    with FakePrometheus({}) as server:
        assert main([*words, "--source-url", server.url, "--days", "1"]) == USAGE_ERROR
    assert "has a value in the last 1 days" in capsys.readouterr().err
    assert main([*words, "--source-url", "http://127.0.0.1:1", "--days", "1"]) == USAGE_ERROR
    assert main([*words, "--source-url", "http://127.0.0.1:1", "--days", "0"]) == USAGE_ERROR


def test_essentials_read_as_the_whole_spec_does() -> None:
    whole = {
        **service()["spec"],
        "step": "2m",
        "timeZone": "Etc/UTC",
        "detector": {"seed": 42, "falseIncidentsPerWeek": "3"},
        "training": {"schedule": "0 2 * * *"},
        "category": "Core",
    }
    found = essentials(whole)
    assert parse_service(found) == parse_service(whole)
    assert set(found) == {"metrics", "detector", "category"}
    assert found["detector"] == {"falseIncidentsPerWeek": "3"}
    assert essentials({"step": 3}) == {"step": 3}


def test_differences_follow_names_not_positions() -> None:
    old = {"metrics": [{"name": "a", "query": "x"}, {"name": "b"}], "n": 1, "gone": {"deep": 1}}
    new = {"metrics": [{"name": "c"}, {"name": "a", "query": "y"}], "n": 1}
    assert list(differences(old, new)) == [
        "gone.deep: 1 -> (not set)",
        "metrics.a.query: x -> y",
        "metrics.b: removed",
        "metrics.c: added",
    ]
    assert json.dumps(old)


def test_a_service_that_becomes_a_training_run_trains_nothing(folder: Path, capsys: Any) -> None:
    raw = service()
    run = {"mlflow": {"runId": "abc"}, "trainer": {"kind": "Job", "name": "llama"}}
    spec = {"profile": "TrainingRun", "trainingRun": run}
    new = {**raw, "metadata": {"name": "checkout", "namespace": "shop"}, "spec": spec}
    del new["status"]
    path = folder / "new.yaml"
    path.write_text(yaml.safe_dump(new))
    found = told(capsys, ["plan", "-f", str(path), "--current", str(folder / "current.yaml")])
    assert "Training No model is trained: the log of the training run is followed." in found
    assert "RunConfig to follow is created." in found
    assert "Role anomaly-runner" in found
