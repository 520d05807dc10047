"""Detection documents in, `status.incidents` out: expansion, refusal, round trip, size."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api.text import cut, span_text, to_seconds, to_text
from anomaly_operator.incidents.bounds import MAX_STATE_BYTES, bounded, size
from anomaly_operator.incidents.cycles import cycles
from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    PatternSight,
    Resolution,
    ResolutionContext,
    SLOResult,
)
from anomaly_operator.incidents.wire import parse, render
from detector_runtime.commands.span import verdict_of
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import (
    Contribution,
    Detection,
    Finding,
    MetricComparison,
    RunStatus,
    WindowReport,
    WindowVerdict,
)
from detector_runtime.contract.vocabulary import (
    ContractError,
    RunOutcome,
    Severity,
    SLOStatus,
    Verdict,
)

ROOT = Path(__file__).parents[4]
SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=60)
NOW = 1_000_000_000
HOUR = 999_993_600
"""A full hour, well before NOW; windows are written as minutes after it."""


def minute(number: int) -> str:
    return to_text(HOUR + 60 * number)


def document(scored_from: int, through: int, **verdicts: Verdict) -> Detection:
    """Windows by minute: `m3=Verdict.ANOMALOUS`."""
    return Detection(
        model_revision="r",
        run=RunStatus(RunOutcome.SUCCEEDED),
        scored_from=minute(scored_from),
        scored_through=minute(through),
        windows=tuple(
            WindowVerdict(
                minute(int(key[1:])),
                verdict,
                score="5" if verdict is Verdict.ANOMALOUS else "",
                severity=Severity.HIGH if verdict is Verdict.ANOMALOUS else Severity.NONE,
                patterns=("metric_latency",) if verdict is Verdict.ANOMALOUS else (),
            )
            for key, verdict in verdicts.items()
        ),
    )


def shown(detection: Detection, now: int = NOW) -> str:
    return "".join(one.verdict.value[0] for one in cycles(detection, 60, now))


def test_what_is_not_listed_in_the_span_was_normal() -> None:
    found = document(0, 5, m2=Verdict.ANOMALOUS, m4=Verdict.INCONCLUSIVE)
    assert shown(found) == "NANIN"
    assert [one.end for one in cycles(found, 60, NOW)] == [HOUR + 60 * n for n in range(1, 6)]


def test_a_document_without_any_scored_window_tells_nothing() -> None:
    assert cycles(Detection("r", RunStatus(RunOutcome.LEARNING)), 60, NOW) == ()


def test_without_a_start_only_the_newest_window_is_known() -> None:
    found = replace(document(0, 5, m5=Verdict.ANOMALOUS), scored_from="")
    assert shown(found) == "A"


def test_an_endless_span_is_read_as_its_newest_windows() -> None:
    found = replace(document(0, 5), scored_from="1970-01-01T00:00:00Z")
    assert shown(found) == "N" * 64


def test_a_listed_window_off_the_grid_counts_as_well() -> None:
    odd = WindowVerdict(to_text(HOUR + 90), Verdict.ANOMALOUS, severity=Severity.LOW)
    assert shown(replace(document(0, 3), windows=(odd,))) == "NANN"


def test_windows_of_a_clock_that_runs_ahead_are_not_folded() -> None:
    found = document(0, 20, m20=Verdict.ANOMALOUS)
    now = HOUR + 60 * 10
    assert shown(found, now) == "N" * 15
    assert fold(IncidentState(), found, SETTINGS, now)[0].folded_through is None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"scored_through": "yesterday"}, "detection.scoredThrough: 'yesterday' is not an ISO"),
        ({"scored_from": "2026-11-22T10:00:00"}, "detection.scoredFrom: .* names no offset"),
        ({"scored_through": "0001-01-01T00:00:00Z"}, "detection.scoredThrough: .* before 1970"),
        (
            {"windows": (WindowVerdict("soon", Verdict.ANOMALOUS),)},
            r"detection.windows\[0\].end: 'soon'",
        ),
        (
            {"windows": (WindowVerdict(minute(1), Verdict.ANOMALOUS, score="high"),)},
            r"detection.windows\[0\].score: 'high' is not a decimal",
        ),
        (
            {"windows": (WindowVerdict(minute(1), Verdict.ANOMALOUS, score="nan"),)},
            r"detection.windows\[0\].score: 'nan' is not a finite number",
        ),
        (
            {"windows": (WindowVerdict(minute(1), Verdict.ANOMALOUS, score="1" * 99),)},
            r"detection.windows\[0\].score: '1+' is longer than 32 characters",
        ),
    ],
)
def test_a_malformed_document_is_refused_by_field_and_value(
    broken: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        fold(IncidentState(), replace(document(0, 3), **broken), SETTINGS, NOW)


def test_an_older_document_after_a_newer_one_changes_nothing() -> None:
    newer = document(0, 6, m2=Verdict.ANOMALOUS, m3=Verdict.ANOMALOUS)
    older = document(0, 4, m2=Verdict.ANOMALOUS, m3=Verdict.ANOMALOUS)
    state, _ = fold(IncidentState(), newer, SETTINGS, NOW)
    assert fold(state, older, SETTINGS, NOW) == (state, ())


def test_an_outage_of_a_whole_span_loses_nothing() -> None:
    story = {"m1": Verdict.ANOMALOUS, "m2": Verdict.ANOMALOUS, "m64": Verdict.ANOMALOUS}
    state, transitions = fold(IncidentState(), document(0, 64, **story), SETTINGS, NOW)
    assert [one.kind.value for one in transitions] == [
        "Suspected",
        "Opened",
        "Recovering",
        "Closed",
        "Suspected",
    ]
    assert [one.phase.value for one in state.tracked] == ["Suspected", "Closed"]


def test_the_report_of_a_window_explains_its_incident() -> None:
    metric = Contribution("latency", "812", "Milliseconds", "100", "200", "4.1x", "1")
    finding = Finding(
        "metric_latency", Severity.HIGH, Severity.HIGH, "90%", "5", "slow", "", (metric,), ("look",)
    )
    full = WindowReport(
        minute(3), Verdict.ANOMALOUS, "night", Severity.HIGH, "90%", "5", "0", findings=(finding,)
    )
    found = replace(
        document(0, 4, m2=Verdict.ANOMALOUS, m3=Verdict.ANOMALOUS), anomaly=full, report=None
    )
    state, _ = fold(IncidentState(), found, SETTINGS, NOW)
    assert state.tracked[0].summary == "slow"
    assert state.tracked[0].contributions == (metric,)


def rich(index: int, text: str) -> Incident:
    """An incident with everything, every text as long as `text`."""
    row = Contribution(text, text, text, text, text, text, text, text)
    metric = MetricComparison(text, text, text, text, text)
    return Incident(
        fingerprint=f"{index:012x}",
        opening_pattern=f"metric_{index}",
        pattern="slo_breach",
        phase=IncidentPhase.CLOSED,
        first_seen=HOUR + index,
        last_seen=HOUR + 60,
        severity=Severity.INFORMATIONAL,
        current_severity=Severity.LOW,
        anomaly=f"checkout-{index:012x}-mi5k2x",
        confirmed_at=HOUR + 30,
        closed_at=HOUR + 600,
        resolution=Resolution.RESOLVED,
        model_severity=Severity.CRITICAL,
        score="7.4",
        confidence=text,
        slo=SLOResult(SLOStatus.BREACHED, text),
        occurrences=10**9,
        missed=3,
        cycles_to_confirm=2,
        reopened=1,
        patterns=tuple(
            PatternSight(f"metric_{n}", HOUR, HOUR, Severity.LOW) for n in range(index, index + 8)
        ),
        summary=text,
        contributions=(row,) * 9,
        recommended_actions=(text,) * 9,
        impact=text,
        context=ResolutionContext(HOUR + 660, SLOResult(SLOStatus.OK, text), (metric,) * 9),
    )


@pytest.mark.parametrize("text", ["", "1.5", "long " * 200, "é" * 500, '\n"\\' * 99])
@pytest.mark.parametrize("count", [1, 8])
def test_the_state_is_bounded_round_trips_and_keeps_what_the_life_cycle_needs(
    text: str, count: int
) -> None:
    state = IncidentState(HOUR, tuple(rich(index, text) for index in range(count)))
    within = bounded(state)
    assert size(within) <= MAX_STATE_BYTES
    assert parse(render(within)) == within
    assert bounded(within) == within
    for before, after in zip(state.tracked, within.tracked, strict=True):
        for name in ("fingerprint", "anomaly", "phase", "closed_at", "occurrences", "severity"):
            assert getattr(before, name) == getattr(after, name)


def test_details_go_from_the_oldest_closed_incident_first() -> None:
    within = bounded(IncidentState(HOUR, tuple(rich(index, "long " * 40) for index in range(8))))
    kept = [len(one.contributions) for one in within.tracked]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == 0


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("short", 5, "short"), ("longer", 5, "lo..."), ("ééé", 5, "é..."), ("", 4, "")],
)
def test_a_text_is_cut_at_bytes_and_never_inside_a_character(
    text: str, limit: int, expected: str
) -> None:
    assert cut(text, limit) == expected


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_service_without_incidents_reads_as_an_empty_state(
    nothing: dict[str, Any] | None,
) -> None:
    assert parse(nothing) == IncidentState()


def test_a_status_from_before_the_model_severity_reads_as_none_and_is_written_as_it_was() -> None:
    written = render(IncidentState(HOUR, (rich(1, "x"),)))
    assert written["tracked"][0].pop("modelSeverity") == "Critical"
    assert parse(written).tracked[0].model_severity is Severity.NONE
    assert render(parse(written)) == written


def test_a_document_from_before_the_model_severity_is_folded_as_before() -> None:
    newer = encode(document(0, 2, m1=Verdict.ANOMALOUS, m2=Verdict.ANOMALOUS))
    older = copy.deepcopy(newer)
    assert [one.pop("modelSeverity") for one in older["windows"]] == ["None", "None"]
    assert decode(Detection, older) == decode(Detection, newer)


def test_what_a_later_release_adds_does_not_stop_an_older_one_that_reads_it() -> None:
    """During a rollout, and after a rollback, both releases work on the same status."""
    state = IncidentState(HOUR, (rich(1, "x"),))
    written = render(state)
    written["tracked"][0]["rootCause"] = {"service": "payments"}
    written["tracked"][0]["slo"]["budget"] = "12%"
    assert parse(written) == state
    known = document(0, 2, m1=Verdict.ANOMALOUS)
    newer = encode(known)
    newer["sampling"] = "Pooled"
    newer["windows"][0]["votes"] = 3
    assert decode(Detection, newer) == known
    with pytest.raises(ContractError, match="Detection: unknown field 'sampling'"):
        decode(Detection, newer, strict=True)
    with pytest.raises(ContractError, match=r"windows\[0\]: unknown field 'votes'"):
        decode(Detection, encode(known) | {"windows": newer["windows"]}, strict=True)


def test_a_restart_between_a_fault_and_its_end_gives_the_same_incident() -> None:
    """Both windows are Medium under the cap of a young model; the score is higher in the second."""
    fault = capped(minute(1), "metric_latency", "6.9", Severity.CRITICAL)
    end = capped(minute(2), "metric_traffic", "9", Severity.MEDIUM)
    before = replace(document(0, 1), windows=(verdict_of(fault),), report=fault, anomaly=fault)
    after = replace(
        document(0, 2), windows=(verdict_of(fault), verdict_of(end)), report=end, anomaly=fault
    )
    at_once, _ = fold(IncidentState(), after, SETTINGS, NOW)
    first, _ = fold(IncidentState(), before, SETTINGS, NOW)
    restarted, _ = fold(parse(render(first)), after, SETTINGS, NOW)
    assert restarted == at_once
    found = restarted.tracked[0]
    assert (found.pattern, found.summary) == ("metric_latency", "metric_latency is odd")
    assert (found.model_severity, found.score) == (Severity.CRITICAL, "6.9")


def capped(end: str, pattern: str, score: str, model: Severity) -> WindowReport:
    finding = Finding(pattern, Severity.MEDIUM, model, "90%", score, f"{pattern} is odd", end)
    return WindowReport(
        *(end, Verdict.ANOMALOUS, "night", Severity.MEDIUM, "90%", score, "0"), findings=(finding,)
    )


def test_an_incident_that_cannot_be_read_is_refused_and_not_forgotten() -> None:
    written = render(IncidentState(HOUR, (rich(1, "x"),)))
    written["tracked"][0]["state"] = "Melted"
    with pytest.raises(ContractError, match=r"tracked\[0\].state: 'Melted' is none of Suspected"):
        parse(written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45, "45s"), (60, "1m"), (4_320, "1h 12m"), (90_061, "1d 1h"), (-5, "0s")],
)
def test_spans_are_written_by_their_two_largest_units(seconds: int, text: str) -> None:
    assert span_text(seconds) == text


def test_times_round_trip_through_text() -> None:
    assert to_seconds(to_text(NOW), "x") == NOW


def test_the_schema_of_the_service_keeps_every_field_of_its_incidents() -> None:
    """The API server prunes what the schema does not know, and would do so silently."""
    crd = yaml.safe_load((ROOT / "crds" / "anomalyservices.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    incidents = schema["properties"]["status"]["properties"]["incidents"]
    state = IncidentState(HOUR, (rich(1, "x"), replace(rich(2, "x"), contributions=())))
    assert misfits(render(bounded(state)), incidents, "incidents") == []


def misfits(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Where `value` has a field that `schema` would prune, or a text or list it would refuse."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        unknown = [f"{path}.{key}: unknown" for key in value if key not in known]
        return unknown + [
            one
            for key, item in value.items()
            if key in known
            for one in misfits(item, known[key], f"{path}.{key}")
        ]
    if isinstance(value, list):
        too_many = [f"{path}: too many"] if len(value) > schema["maxItems"] else []
        return too_many + [
            one for item in value for one in misfits(item, schema["items"], f"{path}[]")
        ]
    if isinstance(value, str):
        if "enum" in schema:
            return [] if value in {str(one) for one in schema["enum"]} else [f"{path}: {value}"]
        return [] if len(value) <= schema["maxLength"] else [f"{path}: too long"]
    return []
