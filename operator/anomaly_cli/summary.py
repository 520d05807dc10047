"""The report that a backtest prints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from anomaly_cli.backtest import MIN_ROWS, Outcome
from anomaly_cli.false_incidents import Promise, promises
from anomaly_cli.figures import Figures, evaluate, spans, without_event
from anomaly_cli.incident_list import IncidentLine, incident_lines
from anomaly_cli.recording import Recording
from anomaly_operator.api.durations import format_seconds
from detector_runtime.contract.vocabulary import Severity, Verdict

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Summary:
    """The report: lines, the incidents, and the lines after them."""

    head: list[str]
    incidents: tuple[IncidentLine, ...] = ()
    tail: tuple[str, ...] = ()


def summary(recording: Recording, outcome: Outcome) -> Summary:
    """The report of one recording."""
    frame = recording.frame
    verdicts = [report.verdict for report in outcome.reports.values()]
    unscored = len(frame) - outcome.warmup - len(outcome.reports)
    days = len(outcome.reports) * frame.step / DAY
    out = [
        *recording.notes,
        (
            f"step {format_seconds(frame.step)} ({recording.sampling.said}), {len(frame)} windows, "
            f"warm-up {outcome.warmup} windows, {_counted(outcome.models, 'model')} trained"
        ),
        (
            f"scored {days:.1f} days: {_counted(verdicts.count(Verdict.ANOMALOUS), 'window')} "
            f"anomalous, {verdicts.count(Verdict.INCONCLUSIVE)} inconclusive, "
            f"{_counted(len(outcome.folded.incidents), 'incident')}"
        ),
    ]
    out.extend(
        f"{name}: {count} values outside the valid range are treated as missing"
        for name, count in outcome.impossible.items()
    )
    if not outcome.models:
        out.append(
            f"no model could be trained: {outcome.warmup} windows of warm-up have too little "
            f"data, a model needs {MIN_ROWS} with values; increase --warmup, or record longer"
        )
        return Summary(out)
    if outcome.failed:
        out.extend(_gate(outcome))
    if unscored:
        out.append(
            f"{unscored} windows have no score and are inconclusive, because no model was in use"
        )
    if not outcome.reports:
        out.append("no model passed its checks: increase --warmup, or run without --gate")
        return Summary(out)
    out.extend(["detectors:", *(f"  {one}" for one in outcome.detectors)])
    tail = [*_levels(outcome), *_promises(recording, outcome)]
    if recording.labels is not None:
        tail.extend(_labelled(figures(recording, outcome), frame.step))
    return Summary(out, incident_lines(recording, outcome), tuple(tail))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _levels(outcome: Outcome) -> list[str]:
    """What each setting comes to, and which the history is too short to have shown."""
    out = [
        "expected false incidents a week, by falseIncidentsPerWeek (each alert level is the",
        "lowest at which the training history has no more false incidents than that):",
    ]
    beyond = False
    setting = len(outcome.rates[::2]) // 2
    for index, (offset, rate) in enumerate(outcome.rates[::2]):
        # as `History.levels`: so few are less than one in the whole history
        short = sum(rate * weeks < 1 for weeks in outcome.weeks)
        partly = "" if short == len(outcome.weeks) else " by some of the models"
        extrapolated = f", extrapolated{partly}" if short else ""
        mark = "  <- this setting" if index == setting else ""
        out.append(f"  {rate:6.2f} at alert level {offset:+.2f}{extrapolated}{mark}")
        beyond = beyond or short > 0
    if beyond:
        longest = max(outcome.weeks)
        out.append(
            f"extrapolated: {longest:.1f} weeks of history cannot show fewer than "
            f"{1 / longest:.2f} a week; alert levels for less follow from the tail of the scores"
        )
    return out


def promised(recording: Recording, outcome: Outcome) -> tuple[Promise, ...]:
    """Predicted against found, by severity. Without labels every incident counts as false."""
    incidents = outcome.folded.incidents
    false = [True] * len(incidents)
    if recording.labels is not None:
        rows = [(one.opened, one.seen) for one in incidents]
        false = without_event(rows, spans(recording.labels))
    severities = [one.severity for one, counts in zip(incidents, false, strict=True) if counts]
    weeks = len(outcome.reports) * recording.frame.step / (7 * DAY)
    return promises(outcome.expected, weeks, severities)


def _promises(recording: Recording, outcome: Outcome) -> list[str]:
    counted = (
        "every incident counts as false, as there are no --labels"
        if recording.labels is None
        else "by the labels"
    )
    out = [f"false incidents in the scored time, predicted and found ({counted}):"]
    for one in promised(recording, outcome):
        above = "" if one.severity is Severity.CRITICAL else " and above"
        out.append(
            f"  {one.severity.value + above:<16} predicted {one.predicted:6.2f}  found "
            f"{one.found:3d}  90% interval of the found rate {one.low:.2f} to {one.high:.2f}"
            + ("" if one.kept else "  <- more than predicted")
        )
    return out


def _gate(outcome: Outcome) -> list[str]:
    """How many models failed, and by how much, check by check."""
    failed = f"{outcome.failed} of {outcome.models} models failed their checks"
    if outcome.gated:
        out = [f"{failed} and were not used; the last model that passed stayed in use:"]
    else:
        out = [f"{failed}; they are used here, in a cluster they would not be (see --gate):"]
    for name in dict.fromkeys(check.name for check in outcome.failures):
        found = [check for check in outcome.failures if check.name == name]
        values = sorted(check.value for check in found)
        one = found[0]
        # the further from the limit, the worse
        worst = replace(one, value=values[0] if one.at_least else values[-1])
        out.append(f"  {len(found)} times {worst}" + (" (the worst)" if len(found) > 1 else ""))
    return out


def figures(recording: Recording, outcome: Outcome) -> Figures:
    """Figures against the labels, over the windows that the file has a row for."""
    assert recording.labels is not None
    present = np.zeros(len(recording.frame), dtype=bool)
    present[recording.window] = True
    present[: outcome.warmup] = False
    inconclusive = [
        row for row, report in outcome.reports.items() if report.verdict is Verdict.INCONCLUSIVE
    ]
    score = np.nan_to_num(outcome.score)
    score[inconclusive] = 0.0
    middle = len(outcome.rates) // 2
    expected = float(outcome.rates[middle, 1]) if len(outcome.rates) else 0.0
    # no false incident is expected where no model is in use
    expected *= int(present[list(outcome.reports)].sum()) / max(int(present.sum()), 1)
    return evaluate(
        recording.labels,
        present,
        score,
        anomalous=outcome.anomalous,
        incidents=[(one.opened, one.seen) for one in outcome.folded.incidents],
        step=recording.frame.step,
        predicted_per_week=expected,
    )


def _labelled(found: Figures, step: int) -> list[str]:
    days = max(found.days, 1e-9)
    delay = format_seconds(int(np.median(found.delays)) * step) if found.delays else "-"
    return [
        "compared with the labels, window by window (no point adjustment):",
        f"  average precision {found.average_precision:.3f}, best F1 {found.best_f1:.3f}",
        f"  events {found.events}, detected at their onset {found.onsets}, median delay {delay}",
        (
            f"  false incidents {found.false_incidents} ({found.false_incidents / days:.2f} a day; "
            f"expected {found.predicted:.1f}), false anomalous windows "
            f"{found.false_windows / days:.1f} a day"
        ),
    ]
