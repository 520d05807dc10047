"""What the demo reads off objects of the API server, and how trouble is made by hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anomaly_sandbox.demo.faults import FaultKind, read_faults
from anomaly_sandbox.demo.feed import FAULTS_FILE, PROGRESS_FILE
from anomaly_sandbox.demo.sight import IncidentSight, incident_sight, service_sight
from anomaly_sandbox.demo.story import outline
from anomaly_sandbox.demo.trouble import main


def _condition(kind: str, status: str, reason: str = "R", message: str = "m") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def test_a_service_of_which_nothing_was_said_yet_is_neither_trained_nor_scored() -> None:
    sight = service_sight({"metadata": {"name": "cart"}})
    assert not sight.trained
    assert sight.scored_through == 0
    assert sight.complaint == ""


def test_a_service_that_runs_has_a_model_and_the_time_of_its_newest_window() -> None:
    sight = service_sight(
        {
            "metadata": {"name": "cart"},
            "status": {
                "state": "Healthy",
                "model": {"revision": "20261122-021500-3f2a9c"},
                "detection": {"scoredThrough": "2026-11-22T11:40:00Z"},
                "conditions": [_condition("Ready", "True")],
            },
        }
    )
    assert sight.trained
    assert sight.scored_through == 1795347600
    assert (sight.state, sight.ready) == ("Healthy", "True")


def test_the_condition_that_failed_is_named_before_the_summary_of_all() -> None:
    conditions = [
        _condition("Ready", "False", "SourceUnavailable", "see DataAvailable"),
        _condition("DataAvailable", "False", "SourceUnavailable", "prometheus: refused"),
        _condition("Drifted", "False", "Steady", "no drift"),
    ]
    sight = service_sight({"metadata": {"name": "cart"}, "status": {"conditions": conditions}})
    assert sight.complaint == "DataAvailable: SourceUnavailable: prometheus: refused"


def test_an_incident_says_how_bad_it_is_and_why() -> None:
    spec = {"serviceRef": {"name": "payments"}}
    bare = incident_sight({"metadata": {"name": "a"}, "spec": spec})
    assert (bare.service, bare.state, bare.contributions) == ("payments", "", ())
    status = {
        "state": "Closed",
        "severity": "High",
        "slo": {"status": "Breached"},
        "explanation": {"summary": "slow", "contributions": [{"metric": "latency"}]},
        "resolution": {"reason": "Resolved"},
    }
    full = incident_sight({"metadata": {"name": "a"}, "spec": spec, "status": status})
    assert full.closed
    assert (full.slo, full.contributions, full.resolution) == ("Breached", ("latency",), "Resolved")


def test_trouble_is_made_and_mended_in_the_simulators_file(tmp_path: Path) -> None:
    (tmp_path / PROGRESS_FILE).write_text('{"phase": "Live", "samples": 1, "liveFrom": 1}')
    folder = ["--state-dir", str(tmp_path)]
    before = int(time.time())
    assert main(["cart", "latency", "4", *folder]) == 0
    (fault,) = read_faults(tmp_path / FAULTS_FILE)
    assert (fault.service, fault.kind, fault.amount) == ("cart", FaultKind.LATENCY, 4.0)
    assert fault.start >= before
    assert main(["--mend", *folder]) == 0
    (fault,) = read_faults(tmp_path / FAULTS_FILE)
    assert fault.end <= time.time()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "or --mend"),
        (["cart", "latency"], "or --mend"),
        (["warehouse", "latency", "4"], "invalid choice: 'warehouse'"),
        (["cart", "errors", "4"], "amount 4 is not a share"),
        (["--mend"], "no demo is running in"),
    ],
)
def test_trouble_that_cannot_be_made_is_refused(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments != ["--mend"]:
        (tmp_path / PROGRESS_FILE).write_text('{"phase": "Live", "samples": 1, "liveFrom": 1}')
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--state-dir", str(tmp_path)])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def _incident(service: str, **status: object) -> IncidentSight:
    explained = {"explanation": {"summary": f"{service} is slow"}, **status}
    spec = {"serviceRef": {"name": service}}
    return incident_sight({"metadata": {"name": f"{service}-1"}, "spec": spec, "status": explained})


def test_a_root_is_told_with_its_symptoms_under_it() -> None:
    cause = {"service": "payments", "confidence": "95%"}
    incidents = [
        _incident("cart"),
        _incident("checkout", rootCause=cause),
        _incident("payments"),
    ]
    assert list(outline(incidents)) == [
        "payments: payments is slow",
        "  also affected: checkout (confidence 95%)",
        "cart: cart is slow",
    ]
