"""The tables of the benchmark, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from anomaly_cli.evaluation.bootstrap import Difference
from anomaly_cli.evaluation.candidates import Sort
from anomaly_cli.evaluation.conclusion import signed, with_interval
from anomaly_cli.evaluation.evaluate import Evaluation

PUBLISHED = {
    "IsolationForest": (0.761, 0.722, 0.806),
    "LocalOutlierFactor": (0.593, 0.566, 0.621),
    "ZScore": (0.938, 1.000, 0.883),
    "Majority": (0.863, 0.843, 0.883),
}
"""F1, precision, recall of scikit-learn on the recipe of the notebook, the last 2,000 rows."""


def render_published(found: Evaluation) -> tuple[str, bool]:
    """The table, and whether every figure agrees to three decimals."""
    rows, same = [], True
    for name, one in found.fixed:
        shown = tuple(round(value, 3) for value in (one.f1, one.precision, one.recall))
        agrees = shown == PUBLISHED[name]
        same = same and agrees
        ours, theirs = (" / ".join(f"{v:.3f}" for v in three) for three in (shown, PUBLISHED[name]))
        rows.append((name, ours, theirs, "yes" if agrees else "NO"))
    return _table(("8,000 / 2,000 rows", "measured", "scikit-learn", "same"), rows), same


def render_choices(found: Evaluation) -> str:
    """Every choice on the report part, and whether it beats each member."""
    rows = [
        (
            one.name,
            f"{one.tune.f1:.3f}",
            with_interval(one.report),
            " / ".join(f"{kind.rates.recall:.2f}" for kind in one.by_kind),
            signed(one.to_best),
            "yes" if one.beats_all else "no",
        )
        for one in found.choices
    ]
    kinds = " / ".join(found.split.report.names)
    return _table(
        (
            "choice",
            "tune F1",
            "report F1 (95 %)",
            f"recall of {kinds}",
            "F1 less best member's",
            "beats every member",
        ),
        rows,
    )


def render_seeds(found: Sequence[Evaluation]) -> str:
    """Each choice over several sets of rows from the generator."""
    rows = []
    for name in [one.name for one in found[0].of(Sort.MEMBER, Sort.RULE)]:
        each = [one.named(name) for one in found]
        rows.append(
            (
                name,
                f"{mean(one.report.rates.f1 for one in each):.3f}",
                str(sum(one.to_best.lower for one in each)),
                str(sum(one.beats_all for one in each)),
            )
        )
    heads = (
        f"choice, {len(found)} generated sets",
        "mean F1",
        "worse than the best member",
        "beats every member",
    )
    return _table(heads, rows)


def render_recorded(found: Mapping[str, Evaluation]) -> str:
    """One line for each recording: the choice of the tune part, and the vote."""
    return _table(
        (
            "recording",
            "anomalies / rows, report",
            "chosen on tune",
            "its F1 on report",
            "best member on report",
            "Majority",
            "Majority less best member",
            "rules that beat every member",
        ),
        list(_recorded(found)),
    )


def _recorded(found: Mapping[str, Evaluation]) -> Iterator[tuple[str, ...]]:
    for name, one in found.items():
        report, best, vote = one.split.report, one.best_reported, one.named("Majority")
        winners = [rule.name for rule in one.of(Sort.RULE) if rule.beats_all]
        yield (
            name,
            f"{int(report.anomalous.sum())} / {len(report)}",
            one.chosen.name,
            f"{one.chosen.report.rates.f1:.3f}",
            f"{best.name} {best.report.rates.f1:.3f}",
            f"{vote.report.rates.f1:.3f}",
            _said(vote.to_best),
            ", ".join(winners) or "none",
        )


def _said(one: Difference) -> str:
    word = "worse" if one.lower else "better" if one.higher else "no difference"
    return f"{signed(one)}, {word}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
