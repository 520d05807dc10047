"""What the figures say, in sentences: which choice is best, and what the vote is worth."""

from __future__ import annotations

from collections.abc import Iterator

from anomaly_cli.evaluation.bootstrap import Difference, Measured
from anomaly_cli.evaluation.candidates import Sort
from anomaly_cli.evaluation.evaluate import Evaluation

FEW = 30
"""Anomalies in the report part below which the intervals are as good as no answer."""


def conclusion(found: Evaluation) -> Iterator[str]:
    """The sentences, the most important one first."""
    chosen = found.chosen
    yield (
        f"Best choice on the tune part: {chosen.name}, F1 {chosen.tune.f1:.3f} there and "
        f"{with_interval(chosen.report)} on the report part."
    )
    yield _vote(found)
    yield _rules(found)
    harmful = [one for one in found.of(Sort.WITHOUT) if one.to_vote.higher]
    if harmful:
        most = max(harmful, key=lambda one: one.to_vote.value)
        yield (
            f"{most.name} is better than with it: {with_interval(most.report)}, "
            f"difference {signed(most.to_vote)}."
        )
    anomalies = int(found.split.report.anomalous.sum())
    if anomalies < FEW:
        yield (
            f"The report part has {anomalies} anomalies, below {FEW}: the intervals are wide, and "
            "more labelled rows may change the order."
        )


def _vote(found: Evaluation) -> str:
    vote, best = found.named("Majority"), found.best_reported
    said = (
        f"Majority {vote.report.rates.f1:.3f} against {best.name} {best.report.rates.f1:.3f} on "
        f"the report part, difference {signed(vote.to_best)}."
    )
    if vote.to_best.lower:
        return f"The vote is worse than its best member: {said}"
    if vote.to_best.higher:
        return f"The vote is better than its best member: {said}"
    return f"The vote and its best member cannot be told apart: {said}"


def _rules(found: Evaluation) -> str:
    winners = [one.name for one in found.of(Sort.RULE) if one.beats_all]
    if winners:
        return (
            f"Better than every member on the report part: {', '.join(winners)} "
            "(paired bootstrap, 95 %)."
        )
    return "No rule is better than every member on the report part (paired bootstrap, 95 %)."


def with_interval(one: Measured) -> str:
    return f"{one.rates.f1:.3f} ({one.f1.low:.3f} to {one.f1.high:.3f})"


def signed(one: Difference) -> str:
    return f"{one.value:+.3f} ({one.interval.low:+.3f} to {one.interval.high:+.3f})"
