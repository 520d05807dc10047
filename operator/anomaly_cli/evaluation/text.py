"""The evaluation as a person reads it on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from anomaly_cli import console
from anomaly_cli.evaluation.bootstrap import Measured
from anomaly_cli.evaluation.candidates import Sort
from anomaly_cli.evaluation.conclusion import conclusion, signed, with_interval
from anomaly_cli.evaluation.evaluate import Choice, Evaluation
from anomaly_cli.evaluation.rates import Rates

Row = tuple[str, ...]


def show(found: Evaluation) -> None:
    """Prints it on standard output."""
    console.say([*facts(found), "", *conclusion(found), ""])
    console.say(["Report part, with 95 % intervals:"])
    console.table(*choices(found, Sort.MEMBER, Sort.RULE, Sort.TUNED))
    if found.of(Sort.WITHOUT):
        console.say(["", "The majority without one member:"])
        console.table(*choices(found, Sort.WITHOUT))
    console.say(["", "F1 / precision / recall by kind of anomaly, report part:"])
    console.table(*kinds(found))
    console.say(["", "Scores, report part:"])
    console.table(*scores(found))
    if found.sweep is not None:
        console.say(["", "F1 by threshold of the z-score, tune part:"])
        console.table(*sweep(found))
    first, second = found.projection.explained
    console.say(["", f"Principal components explain {first:.1%} and {second:.1%} of the variance."])
    console.say(["", "Learned from train and tune together, nothing chosen, report part:"])
    console.table(*fixed(found))


def facts(found: Evaluation) -> Iterator[str]:
    """What was evaluated and how it was read."""
    columns = len(found.split.train.columns)
    parts = ", ".join(
        f"{name} {len(part):,} rows with {int(part.anomalous.sum()):,} anomalies"
        for name, part in found.split.parts()
    )
    yield f"{columns} columns; {parts}"
    weights = ", ".join(
        f"{one.name} {weight}" for one, weight in zip(found.members, found.weights, strict=True)
    )
    yield f"members: {' '.join(one.text for one in found.members)}; seed {found.seed}"
    yield f"from the tune part: weights {weights}; best member {found.best}"
    if found.split.constant:
        yield f"constant columns left out: {', '.join(found.split.constant)}"
    if not found.split.train.alike:
        yield "columns standardised by the mean and the standard deviation of the train part"


def choices(found: Evaluation, *sorts: Sort) -> tuple[Row, list[Row]]:
    """Figures of the report part; a vote without a member stands beside the whole vote, every
    other choice beside the best member."""
    beside = "Majority's" if sorts == (Sort.WITHOUT,) else "best member's"
    heads = ("choice", "tune F1", "F1", "precision", "recall", f"F1 less {beside}")
    return heads, [_choice(one) for one in found.of(*sorts)]


def _choice(one: Choice) -> Row:
    measured = one.report
    return (
        one.name,
        figure(one.tune.f1),
        with_interval(measured),
        f"{figure(measured.rates.precision)} ({_span(measured, 'precision')})",
        f"{figure(measured.rates.recall)} ({_span(measured, 'recall')})",
        signed(one.to_vote if one.sort is Sort.WITHOUT else one.to_best),
    )


def _span(one: Measured, name: str) -> str:
    interval = one.precision if name == "precision" else one.recall
    return f"{figure(interval.low)} to {figure(interval.high)}"


def kinds(found: Evaluation) -> tuple[Row, list[Row]]:
    names = found.split.report.names
    counts = [int((found.split.report.kinds == at).sum()) for at in range(1, len(names) + 1)]
    heads = (
        "choice",
        *(f"{name} ({count})" for name, count in zip(names, counts, strict=True)),
    )
    rows: list[Row] = [
        (one.name, *(_three(kind.rates) for kind in one.by_kind))
        for one in found.of(Sort.MEMBER, Sort.RULE, Sort.TUNED)
    ]
    return heads, rows


def _three(one: Rates) -> str:
    return f"{figure(one.f1)} / {figure(one.precision)} / {figure(one.recall)}"


def scores(found: Evaluation) -> tuple[Row, list[Row]]:
    heads = ("member", "normal mean", "deviation", "anomaly mean", "deviation", "Cohen's d")
    rows: list[Row] = [
        (
            one.member,
            f"{one.normal.mean:.4f}",
            f"{one.normal.deviation:.4f}",
            f"{one.anomaly.mean:.4f}",
            f"{one.anomaly.deviation:.4f}",
            "-" if math.isnan(one.cohen_d) else f"{one.cohen_d:.2f}",
        )
        for one in found.separations
    ]
    return heads, rows


def sweep(found: Evaluation) -> tuple[Row, list[Row]]:
    assert found.sweep is not None
    alone, vote = found.sweep.best_alone, found.sweep.best_vote
    rows: list[Row] = [
        (
            f"{at:.2f}",
            figure(one) + (" best" if at == alone else ""),
            figure(other) + (" best" if at == vote else ""),
        )
        for at, one, other in zip(
            found.sweep.thresholds.tolist(), found.sweep.alone, found.sweep.vote, strict=True
        )
    ]
    return ("threshold", "ZScore alone", "Majority"), rows


def fixed(found: Evaluation) -> tuple[Row, list[Row]]:
    rows: list[Row] = [
        (name, figure(one.f1), figure(one.precision), figure(one.recall))
        for name, one in found.fixed
    ]
    return ("choice", "F1", "precision", "recall"), rows


def figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
