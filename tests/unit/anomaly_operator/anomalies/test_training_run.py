"""What an incident says of its training run: the worst window's evidence, and nothing forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.anomalies.training_run import (
    MAX_EXAMPLES_BYTES,
    advised,
    run_ended,
    training_run_part,
)
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.incidents.state import Incident, IncidentPhase
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport, WindowVerdict
from detector_runtime.contract.training_run import (
    Checkpoint,
    RunEvidence,
    RunExample,
    RunTrigger,
    ZScore,
)
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict

Json = dict[str, Any]
FIRST = 1_795_000_020
STEP = 60


def incident(worst: int = FIRST, last: int = FIRST) -> Incident:
    return Incident(
        fingerprint="0" * 12,
        opening_pattern="loss_spike",
        pattern="loss_spike",
        phase=IncidentPhase.OPEN,
        first_seen=FIRST,
        last_seen=last,
        severity=Severity.MEDIUM,
        current_severity=Severity.MEDIUM,
        anomaly="llama-1",
        worst_at=worst,
    )


def trigger(step: int, name: str, tier: str = "Warning", action: str = "Investigate") -> RunTrigger:
    return RunTrigger(step, name, tier, action, to_text(FIRST - 5), f"{name} was found.")


def evidence(step: int, *triggers: RunTrigger, **given: Any) -> RunEvidence:
    known: Json = {
        "z_scores": (ZScore("loss", "41.78"),),
        "loss_history": ("0.72", "0.71", "1.15"),
        "best_step": 1180,
        "best_loss": "0.69",
        "checkpoint": Checkpoint(1000, "checkpoints/checkpoint-1000"),
        "conclusion": "The loss jumped.",
        "advice": "Look at the batch.",
    }
    return RunEvidence(step - 10, step + 10, triggers, **(known | given))


def report(end: int, run: RunEvidence) -> WindowReport:
    return WindowReport(
        to_text(end), Verdict.ANOMALOUS, "", Severity.MEDIUM, "", "3", "", training_run=run
    )


def detection(
    *reports: WindowReport, windows: tuple[tuple[int, tuple[str, ...]], ...] = ()
) -> Detection:
    lines = tuple(
        WindowVerdict(to_text(end), Verdict.ANOMALOUS, triggers=named) for end, named in windows
    )
    return Detection(
        "",
        RunStatus(RunOutcome.SUCCEEDED),
        windows=lines,
        anomaly=reports[0] if reports else None,
        report=reports[-1] if reports else None,
    )


def told(found: Detection | None, one: Incident, before: Json | None = None) -> Json:
    fields = training_run_part(found)(one, {"trainingRun": before} if before else {}, {}).fields
    document: Json = dict(fields.get("trainingRun", {}))
    return document


SPIKE = trigger(1234, "loss_spike_45.2pct")
NAN = trigger(1302, "loss_nan", "Critical", "Stop")


def test_the_evidence_is_that_of_the_worst_window() -> None:
    worse = report(FIRST, evidence(1234, SPIKE))
    newer = report(FIRST + STEP, evidence(1290, trigger(1290, "loss_zscore_7.00"), z_scores=()))
    document = told(detection(worse, newer), incident(FIRST, FIRST + STEP))
    assert document["at"] == to_text(FIRST)
    assert (document["firstStep"], document["lastStep"]) == (1224, 1300)
    assert [one["name"] for one in document["triggers"]] == [
        "loss_spike_45.2pct",
        "loss_zscore_7.00",
    ]
    assert document["zScores"] == [{"metric": "loss", "z": "41.78"}]
    assert document["lossHistory"] == ["0.72", "0.71", "1.15"]
    assert document["checkpoint"] == {"step": 1000, "path": "checkpoints/checkpoint-1000"}
    assert (document["bestStep"], document["bestLoss"]) == (1180, "0.69")
    assert document["triggers"][0] == {
        "step": 1234,
        "name": "loss_spike_45.2pct",
        "tier": "Warning",
        "action": "Investigate",
        "at": to_text(FIRST - 5),
        "message": "loss_spike_45.2pct was found.",
    }


def test_the_worst_trigger_comes_first_and_of_equals_the_earliest() -> None:
    run = evidence(1302, trigger(1310, "loss_zscore_6.50"), SPIKE, NAN)
    document = told(detection(report(FIRST, run)), incident())
    assert [one["step"] for one in document["triggers"]] == [1302, 1234, 1310]


def test_what_is_gone_from_the_document_stays() -> None:
    first = detection(report(FIRST, evidence(1234, SPIKE)))
    before = told(first, incident())
    assert told(None, incident(), before) == before
    assert told(detection(), incident(FIRST, FIRST + STEP), before) == before
    assert told(first, incident(), before) == before


def test_a_later_window_adds_its_triggers_and_keeps_the_evidence_of_a_worse_one() -> None:
    before = told(detection(report(FIRST, evidence(1234, SPIKE))), incident())
    later = detection(report(FIRST + STEP, evidence(1302, trigger(1302, "loss_zscore_6.50"))))
    after = told(later, incident(FIRST, FIRST + STEP), before)
    assert after["at"] == to_text(FIRST)
    assert after["lastStep"] == 1312
    assert [one["step"] for one in after["triggers"]] == [1234, 1302]


def test_a_worse_window_brings_its_own_evidence_and_loses_no_checkpoint() -> None:
    before = told(detection(report(FIRST, evidence(1234, SPIKE))), incident())
    run = evidence(1302, NAN, checkpoint=None, conclusion="The loss is no number.")
    end = FIRST + STEP
    after = told(detection(report(end, run)), incident(end, end), before)
    assert after["at"] == to_text(end)
    assert after["conclusion"] == "The loss is no number."
    assert after["checkpoint"]["step"] == 1000
    assert after["triggers"][0]["name"] == "loss_nan"


def test_windows_that_were_never_seen_in_full_give_steps_and_names() -> None:
    windows = ((FIRST, ("loss_spike_45.2pct@1234", "grad_norm_zscore_7.20@1235")),)
    document = told(detection(windows=windows), incident())
    assert document == {
        "firstStep": 1234,
        "lastStep": 1235,
        "triggers": [
            {"step": 1234, "name": "loss_spike_45.2pct"},
            {"step": 1235, "name": "grad_norm_zscore_7.20"},
        ],
    }
    full = told(detection(report(FIRST, evidence(1234, SPIKE))), incident(), document)
    assert full["triggers"][0]["tier"] == "Warning"
    assert len(full["triggers"]) == 2


@pytest.mark.parametrize("text", ["", "loss_nan", "@12", "loss_nan@", "loss_nan@-4", "loss@1e3"])
def test_a_line_without_name_or_step_names_no_trigger(text: str) -> None:
    assert told(detection(windows=((FIRST, (text,)),)), incident()) == {}


def test_windows_of_another_incident_are_not_told() -> None:
    earlier = FIRST - STEP
    found = detection(
        report(earlier, evidence(900, SPIKE)), windows=((earlier, ("loss_nan@900",)),)
    )
    assert told(found, incident()) == {}


def test_a_service_without_a_training_run_says_nothing() -> None:
    plain = WindowReport(to_text(FIRST), Verdict.ANOMALOUS, "", Severity.HIGH, "", "3", "")
    assert told(detection(plain), incident()) == {}
    assert told(None, incident()) == {}


def test_what_a_pod_writes_is_bounded() -> None:
    long = "é" * 5000
    run = RunEvidence(
        first_step=-3,
        last_step=2**60,
        triggers=tuple(trigger(step, long, long, long) for step in range(50)),
        z_scores=tuple(ZScore(long, long) for _ in range(50)),
        examples=tuple(RunExample(long, long, long, True, long) for _ in range(50)),
        loss_history=(long,) * 50,
        best_loss=long,
        checkpoint=Checkpoint(2**60, long),
        snapshot=long,
        conclusion=long,
        advice=long,
    )
    document = told(detection(report(FIRST, run)), incident())
    assert (document["firstStep"], document["lastStep"]) == (0, 2**53 - 1)
    assert len(document["triggers"]) == 10
    assert "tier" not in document["triggers"][0]
    assert len(document["lossHistory"]) == 20
    texts = json.dumps(document["examples"], ensure_ascii=False).encode()
    assert 0 < len(document["examples"]) <= 10
    assert len(texts) <= MAX_EXAMPLES_BYTES + 50
    assert len(json.dumps(document, ensure_ascii=False).encode()) < 24_000


def test_only_the_newest_values_of_a_history_are_kept() -> None:
    run = evidence(1234, loss_history=tuple(str(number) for number in range(30)))
    history = told(detection(report(FIRST, run)), incident())["lossHistory"]
    assert (history[0], history[-1]) == ("10", "29")


@pytest.mark.parametrize(
    ("action", "first"),
    [
        ("Stop", "Stop the run: what it learns after step 1234 cannot be used."),
        ("RollBack", "Roll back to the checkpoint of step 1000 (checkpoints/checkpoint-1000)."),
        ("Investigate", "Investigate step 1234 before the run goes much further."),
        ("Monitor", "Monitor the run; it can go on."),
        ("None", "Look at the batch."),
    ],
)
def test_what_to_do_is_said_in_the_words_of_the_action(action: str, first: str) -> None:
    run = evidence(1234, trigger(1234, "any_trigger", "Warning", action), conclusion="")
    fields = {"trainingRun": told(detection(report(FIRST, run)), incident())}
    steps = advised(incident(), fields)
    assert steps[0] == first
    assert steps[-1] == "Look at the batch."


def test_a_rollback_without_a_checkpoint_names_the_best_step() -> None:
    trip = trigger(1234, "multiple", "Critical", "RollBack")
    run = evidence(1234, trip, checkpoint=None, conclusion="")
    fields = {"trainingRun": told(detection(report(FIRST, run)), incident())}
    assert advised(incident(), fields)[0] == (
        "Roll back to the last checkpoint up to the best step, 1180."
    )


def test_the_conclusion_comes_before_the_advice_of_the_findings() -> None:
    run = evidence(1234, SPIKE, conclusion="Go back to step 1000: loss_nan at step 1234")
    fields = {"trainingRun": told(detection(report(FIRST, run)), incident())}
    own = replace(incident(), recommended_actions=("Look at the batches.", ""))
    first = "Go back to step 1000: loss_nan at step 1234."
    assert advised(own, fields) == [first, "Look at the batches."]
    assert advised(incident(), fields) == [first, "Look at the batch."]
    assert advised(own, {}) == ["Look at the batches."]
    assert advised(incident(), {}) == []


def test_the_time_line_of_the_service_completes_what_a_line_only_names() -> None:
    entry = {"step": 1234, "name": "loss_nan", "tier": "Critical", "action": "Stop"}
    timeline = json.dumps({"timeline": [entry, {"step": "odd"}, 7]}).encode()
    windows = ((FIRST, ("loss_nan@1234", "loss_spike@1230")),)
    part = training_run_part(detection(windows=windows), timeline)
    found = part(incident(), {}, {}).fields["trainingRun"]["triggers"]
    assert found == [entry, {"step": 1230, "name": "loss_spike"}]


@pytest.mark.parametrize(
    ("state", "over"),
    [
        *((going, False) for going in ("Running", "Stalled", "Waiting", "")),
        *((over, True) for over in ("Completed", "Failed", "Ended")),
    ],
)
def test_a_run_is_over_when_its_state_says_so(state: str, over: bool) -> None:
    since = to_text(FIRST)
    found = run_ended(json.dumps({"state": state, "since": since}).encode())
    assert found == (unix_seconds(since) if over else 0)
    assert run_ended(b"") == 0
