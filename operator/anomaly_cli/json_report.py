"""The report of a backtest for machines: one JSON document, with every figure of the text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from anomaly_cli.backtest import Outcome
from anomaly_cli.budget_list import document
from anomaly_cli.incident_list import incident_lines
from anomaly_cli.local_time import moment
from anomaly_cli.recording import Recording
from anomaly_cli.summary import DAY, figures, promised
from detector_runtime.contract.vocabulary import Verdict

FORMAT_VERSION = 1


def json_report(recording: Recording, outcome: Outcome) -> dict[str, Any]:
    """The report of one recording. Times are ISO 8601; a figure that does not exist is null."""
    frame, zone = recording.frame, recording.zone
    verdicts = [report.verdict for report in outcome.reports.values()]
    found: dict[str, Any] = {
        "formatVersion": FORMAT_VERSION,
        "service": outcome.plan.meta.name,
        "sloPolicy": outcome.plan.slo.policy if outcome.plan.slo else None,
        "notes": list(recording.notes),
        "warnings": list(recording.warnings),
        "stepSeconds": frame.step,
        "stepInferred": recording.inferred,
        "windows": len(frame),
        "warmupWindows": outcome.warmup,
        "modelsTrained": outcome.models,
        "modelsFailedChecks": outcome.failed,
        "detectors": list(outcome.detectors),
        "leftOutOfRange": outcome.impossible,
        "scored": {
            "days": len(outcome.reports) * frame.step / DAY,
            "windows": len(verdicts),
            "anomalous": verdicts.count(Verdict.ANOMALOUS),
            "inconclusive": verdicts.count(Verdict.INCONCLUSIVE),
        },
        "incidents": [
            {
                "name": one.name,
                "from": moment(one.start, zone),
                "to": moment(one.end, zone),
                "open": one.open,
                "severity": one.severity.value,
                "metric": one.metric,
                "pattern": one.pattern,
                "sentence": one.sentence,
                "anomalousWindows": one.windows,
            }
            for one in incident_lines(recording, outcome)
        ],
        "objectives": [document(one, zone) for one in outcome.budgets.each],
        "falseIncidents": [
            {
                "severityAtLeast": one.severity.value,
                "predicted": one.predicted,
                "found": one.found,
                "interval90": [one.low, one.high],
            }
            for one in promised(recording, outcome)
        ],
        "expectedFalseIncidentsPerWeek": [
            {"alertLevelChange": offset, "perWeek": rate} for offset, rate in outcome.rates.tolist()
        ],
        "labels": _labelled(recording, outcome),
    }
    finite: dict[str, Any] = _finite(found)
    return finite


def json_text(reports: Sequence[dict[str, Any]], *, several: bool) -> str:
    """The reports as one document; of `several` services as a list of them."""
    all_ = {"formatVersion": FORMAT_VERSION, "services": list(reports)}
    return json.dumps(all_ if several else reports[0], indent=2)


def _labelled(recording: Recording, outcome: Outcome) -> dict[str, Any] | None:
    if recording.labels is None or not outcome.reports:
        return None
    found = figures(recording, outcome)
    return {
        "averagePrecision": found.average_precision,
        "bestF1": found.best_f1,
        "events": found.events,
        "detectedAtOnset": found.onsets,
        "falseIncidents": found.false_incidents,
        "falseWindows": found.false_windows,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
