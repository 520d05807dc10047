"""The operator hands the pod what the pod itself would leave out: one cap for both."""

from __future__ import annotations

import json

from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import to_text
from anomaly_operator.spec.service import TrainingPlan
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.training.exclusions import incident_windows
from anomaly_operator.world.objects import AnomalyObject, Meta
from detector_runtime.contract.exclusions import within_cap
from detector_runtime.contract.run_config import Interval

DAY = 86_400
NOW = 1_795_000_000
LOOKBACK = 10 * DAY


def anomaly(start: int, end: int, number: int = 0) -> AnomalyObject:
    """A closed incident whose windows cover `start` to `end`, at a step of no seconds."""
    spec = {"firstSeen": to_text(start), "openingPattern": "metric_latency"}
    status = {"lastSeen": to_text(end)}
    return AnomalyObject(
        Meta(API_VERSION, ANOMALY.kind, "shop", f"incident-{number}", f"uid-{number}", "1"),
        service="checkout",
        fingerprint=f"{number:012d}",
        state="Closed",
        spec=json.dumps(spec).encode(),
        status=json.dumps(status).encode(),
    )


def windows(
    anomalies: tuple[AnomalyObject, ...], declared: tuple[Interval, ...] = ()
) -> tuple[Interval, ...]:
    plan = TrainingPlan(lookback_seconds=LOOKBACK, exclude=declared)
    return incident_windows(None, anomalies, plan, 0, NOW)


def test_declared_time_before_the_look_back_takes_no_room_from_incidents() -> None:
    old = Interval(NOW - 20 * DAY, NOW - 18 * DAY, "a move")
    start, end = NOW - 3 * DAY, NOW - 2 * DAY
    assert windows((anomaly(start, end),), (old,)) == (Interval(start, end, "metric_latency"),)


def test_time_that_incidents_and_declared_spans_share_counts_once() -> None:
    declared = Interval(NOW - 4 * DAY, NOW - 2 * DAY, "a move")
    inside = (NOW - 3 * DAY, NOW - 2 * DAY)
    assert windows((anomaly(*inside),), (declared,)) == (Interval(*inside, "metric_latency"),)


def test_the_pod_finds_nothing_to_leave_in_of_what_it_is_handed() -> None:
    spans = [(NOW - number * DAY, NOW - number * DAY + DAY // 2) for number in range(1, 9)]
    declared = (Interval(NOW - 9 * DAY, NOW - 8 * DAY, "a move"),)
    handed = windows(tuple(anomaly(*span, n) for n, span in enumerate(spans)), declared)
    assert [(one.start, one.end) for one in handed] == [spans[1], spans[0]]
    assert within_cap(declared, handed, NOW - LOOKBACK, NOW).left_in == 0


def test_a_spec_counts_overlapping_exclusions_once() -> None:
    def exclude(start: str, end: str) -> dict[str, str]:
        return {"start": f"2026-11-{start}T00:00:00Z", "end": f"2026-11-{end}T00:00:00Z"}

    spans = [exclude("01", "05"), exclude("02", "06")]
    document = {
        "preset": "OpenTelemetrySpanMetrics",
        "training": {"lookback": "25d", "exclude": spans},
    }
    spec, problems = parse_service(document)
    assert spec is not None, problems
    _, problems = parse_service({**document, "training": {"lookback": "24d", "exclude": spans}})
    assert [problem.field for problem in problems] == ["spec.training.exclude"]
