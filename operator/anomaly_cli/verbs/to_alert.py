"""What would have to change for an incident to open: the answer to "why does it say nothing?".

Words alone, from the last window and the plan of the service. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from anomaly_cli.verbs.explained import Explained, MetricStanding, slo_known
from anomaly_cli.verbs.run_window import TO_ALERT
from anomaly_cli.verbs.wording import count
from anomaly_operator.api.durations import format_seconds
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.vocabulary import SLOStatus, Verdict
from detector_runtime.series.units import readable


def to_alert(found: Explained) -> list[str]:
    """What would have to change for an incident to open; empty where one is open."""
    return list(_to_alert(found))


def _to_alert(found: Explained) -> Iterator[str]:
    report, spec, running = found.report, found.spec, found.incidents.running
    if spec is None:
        yield "Correct the spec; until then no window of it is scored."
        return
    if spec.suspend:
        yield "Set spec.suspend to false; nothing is scored while it is true."
        return
    if running is not None and running.confirmed:
        return
    if report is None:
        yield "A model has to serve first; see Verdict."
        return
    if spec.training_run:
        yield TO_ALERT
        return
    plan = spec.incidents
    in_a_row = f"{count(plan.confirmation_cycles, 'window')} in a row"
    lasting = format_seconds(plan.confirmation_cycles * spec.step_seconds)
    if report.verdict is Verdict.INCONCLUSIVE:
        yield f"The data have to come back: {in_a_row} ({lasting}) must be judged and anomalous."
        return
    if not math.isnan(found.level):
        rise = max(found.level - found.score, 0.0)
        now_at = f"{rise:.2f} more than now" if rise else "which it has now"
        yield f"A score of {found.level:.2f} or more, {now_at}, for {in_a_row} ({lasting})."
    for one in found.nearest[:1]:
        yield _leaving(one)
    yield from _breaches(found, report)


def _leaving(one: MetricStanding) -> str:
    if one.position > 1:
        return f"{one.name} is outside its usual range already; it has to stay there."
    ends = {
        "Up": f"above {readable(one.high, one.unit)}",
        "Down": f"below {readable(one.low, one.unit)}",
    }
    either = ends.get(one.direction.value) or f"{ends['Up']} or {ends['Down']}"
    return (
        f"Of the metrics {one.name} is nearest to the end of its usual range. It would have to go "
        f"{either}, and clearly so: the score weighs how far and how long."
    )


def _breaches(found: Explained, report: WindowReport) -> Iterator[str]:
    """A breached SLO alone opens an incident."""
    if not slo_known(report):
        return
    bounds = [
        f"{one.metric} at {readable(float(one.critical), found.unit_of(one.metric))} or more"
        for one in report.slo.metrics
        if one.status is not SLOStatus.BREACHED and _is_number(one.critical)
    ]
    if bounds:
        yield f"Or a breached SLO, whatever the score: {', '.join(bounds)}."


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
