"""`status.incidents` as the first release wrote it: the same keys and the same texts, for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.incidents.wire import parse, render
from detector_runtime.contract.vocabulary import ContractError

FULL = {
    "open": 1,
    "suspected": 0,
    "recovering": 0,
    "foldedThrough": "2026-11-22T12:00:00Z",
    "tracked": [
        {
            "fingerprint": "9f2c1a7be01d",
            "openingPattern": "metric_latency",
            "pattern": "slo_breach",
            "state": "Open",
            "anomaly": "checkout-9f2c1a7be01d-mi5k2x",
            "firstSeen": "2026-11-22T11:40:00Z",
            "confirmedAt": "2026-11-22T11:42:00Z",
            "lastSeen": "2026-11-22T12:00:00Z",
            "severity": "Critical",
            "currentSeverity": "High",
            "modelSeverity": "High",
            "score": "7.4",
            "confidence": "90%",
            "slo": {"status": "Breached", "proximity": "1.2"},
            "occurrences": 11,
            "consecutive": 3,
            "missed": 0,
            "cyclesToConfirm": 2,
            "reopened": 0,
            "patterns": [
                {
                    "name": "metric_latency",
                    "firstSeen": "2026-11-22T11:40:00Z",
                    "lastSeen": "2026-11-22T12:00:00Z",
                    "severity": "High",
                }
            ],
            "summary": "latency 4.1x the upper end of its usual range",
            "contributions": [
                {
                    "metric": "latency",
                    "value": "812",
                    "unit": "Milliseconds",
                    "usualLow": "120",
                    "usualHigh": "198",
                    "deviation": "4.1x the upper end of its usual range",
                    "share": "100%",
                    "detector": "",
                }
            ],
            "recommendedActions": ["Compare the start with the newest deployment"],
        },
        {
            "fingerprint": "0f2c1a7be01d",
            "openingPattern": "metric_rate",
            "pattern": "metric_rate",
            "state": "Closed",
            "anomaly": "checkout-0f2c1a7be01d-mi5k2x",
            "firstSeen": "2026-11-22T09:40:00Z",
            "confirmedAt": "2026-11-22T09:42:00Z",
            "lastSeen": "2026-11-22T10:00:00Z",
            "closedAt": "2026-11-22T10:06:00Z",
            "resolution": "Resolved",
            "severity": "Low",
            "currentSeverity": "Low",
            "slo": {"status": "Unknown"},
            "occurrences": 11,
            "consecutive": 0,
            "missed": 3,
            "cyclesToConfirm": 2,
            "reopened": 0,
            "context": {
                "at": "2026-11-22T10:06:00Z",
                "slo": {"status": "Ok", "proximity": "0.4"},
                "metrics": [
                    {
                        "metric": "rate",
                        "value": "45",
                        "mean": "40",
                        "deviationSigma": "",
                        "p95": "60",
                    }
                ],
            },
        },
    ],
}


def canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def test_a_status_of_the_first_release_is_written_back_byte_for_byte() -> None:
    assert canonical(render(parse(FULL))) == canonical(FULL)


def test_the_counts_follow_the_incidents_and_not_the_text_that_was_read() -> None:
    assert render(parse({**FULL, "open": 7}))["open"] == 1


def test_nothing_tracked_and_nothing_folded_leave_the_three_counts() -> None:
    assert render(parse(None)) == {"open": 0, "suspected": 0, "recovering": 0}


def test_a_time_that_is_an_empty_text_counts_as_absent() -> None:
    incident = {**FULL["tracked"][0], "closedAt": ""}  # type: ignore[index]
    found = parse({**FULL, "foldedThrough": "", "tracked": [incident]})
    assert found.folded_through is None
    assert found.tracked[0].closed_at is None
    assert found.tracked[0].phase is IncidentPhase.OPEN


def test_a_malformed_time_is_refused_by_path_and_value() -> None:
    sight = {**FULL["tracked"][0]["patterns"][0], "lastSeen": "soon"}  # type: ignore[index]
    incident = {**FULL["tracked"][0], "patterns": [sight]}  # type: ignore[index]
    with pytest.raises(ContractError, match=r"tracked\[0\]\.patterns\[0\]\.lastSeen: 'soon'"):
        parse({**FULL, "tracked": [incident]})
