"""One window with all that is known of it: what verdict and findings are read off.

It gathers what the model scored, the SLO, the period and the drift; it decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from detector_runtime.contract.detection import (
    Drift,
    MetricComparison,
    UsualRange,
    Votes,
    WindowVerdict,
)
from detector_runtime.contract.patterns import Circumstance, PatternSpec
from detector_runtime.contract.run_config import MetricSpec, PeriodSpec, SLOSpec
from detector_runtime.contract.text import decimal, percent
from detector_runtime.contract.vocabulary import Category
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.scoring import Scores
from detector_runtime.objectives.burn import Burn
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.verdict.explain import Observation
from detector_runtime.verdict.reading import Reading
from detector_runtime.verdict.slo import SLOVerdict, evaluate
from detector_runtime.verdict.votes import votes_of

DRIFTED = 3.0
RARE = 2
"""Index of the 1st percentile in `Statistics.quantiles`."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What it takes to name a deviation beside its figures. `recent`: the windows before this run
    that were not Normal; `dependencies`: those that are not healthy; `graph`: what holds of them.
    """

    patterns: tuple[PatternSpec, ...] = CATALOGUE
    category: Category = Category.STANDARD
    recent: tuple[WindowVerdict, ...] = ()
    dependencies: tuple[str, ...] = ()
    graph: frozenset[Circumstance] = frozenset()


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """What is the same for all windows of a run. `partial`: the source reports missing data;
    `unjudged`: why the model does not judge a window, by its end; `burning`: the error budgets that
    burn, the worst first, by the same. `naming_at`: for a replay, whose dependencies change from
    window to window, what takes the place of `naming`, by the end."""

    metrics: tuple[MetricSpec, ...]
    policy: SLOSpec | None
    period_at: Callable[[int], PeriodSpec]
    model: FittedModel
    warnings: tuple[str, ...] = ()
    partial: bool = False
    unjudged: Mapping[int, str] = field(default_factory=dict)
    naming: Naming = field(default_factory=Naming)
    burning: Mapping[int, tuple[Burn, ...]] = field(default_factory=dict)
    naming_at: Callable[[int], Naming] | None = None

    def at(self, end: int) -> JudgeContext:
        """The context of the window that ends at `end` (unix seconds)."""
        return self if self.naming_at is None else replace(self, naming=self.naming_at(end))


@dataclass(frozen=True, slots=True)
class Window:
    """`since` and `end` in unix seconds; `confidence` after period and drift; `judged`: by metric,
    whether it took part; `undefined`: whether its value is 0/0."""

    end: int
    since: int
    step: int
    score: float
    probability: float
    anomalous: bool
    confidence: float
    magnitude: float
    drift: Drift
    period: PeriodSpec
    observations: tuple[Observation, ...]
    undefined: tuple[bool, ...]
    judged: tuple[bool, ...]
    slo: SLOVerdict
    votes: Votes | None = None


def window_of(context: JudgeContext, scores: Scores, row: int) -> Window:
    """The window in row `row` of `scores`."""
    end, step = int(scores.times[row]), context.model.step
    period = context.period_at(end - step)
    observations = _observations(context, scores, row)
    kept = 1 - float(scores.drift.penalty[row])
    return Window(
        end=end,
        since=int(scores.building_since[row]),
        step=step,
        score=float(scores.score[row]),
        probability=float(scores.probability[row]),
        anomalous=bool(scores.anomalous[row]),
        confidence=float(scores.confidence[row]) * period.confidence * kept,
        magnitude=float(scores.magnitude[row]),
        drift=_drift(context.metrics, scores, row),
        period=period,
        observations=observations,
        undefined=tuple(scores.undefined[row].tolist()),
        judged=tuple(scores.judged[row].tolist()),
        slo=evaluate(context.policy, _readings(context, observations), end, period, step),
        votes=votes_of(context.model.ensemble.vote, scores, row),
    )


def comparison(
    context: JudgeContext, observations: tuple[Observation, ...]
) -> tuple[MetricComparison, ...]:
    """Each metric beside its mean and spread in training."""
    statistics = context.model.statistics
    rows = []
    for column, one in enumerate(observations):
        if not statistics.samples[column]:
            continue
        mean, std = float(statistics.mean[column]), float(statistics.std[column])
        sigma = (one.value - mean) / std if std > 0 else math.nan
        rows.append(
            MetricComparison(
                metric=one.metric.name,
                value=decimal(one.value),
                mean=decimal(mean),
                deviation_sigma=decimal(sigma, 2),
                p95=decimal(float(statistics.p95[column])),
            )
        )
    return tuple(rows)


def usual_ranges(observations: tuple[Observation, ...]) -> tuple[UsualRange, ...]:
    """What is usual for each metric then; a metric without a finite range is left out."""
    return tuple(
        UsualRange(one.metric.name, "0", "0")
        if one.zero_normal
        else UsualRange(one.metric.name, decimal(one.low), decimal(one.high))
        for one in observations
        if math.isfinite(one.low) and math.isfinite(one.high)
    )


def _observations(context: JudgeContext, scores: Scores, row: int) -> tuple[Observation, ...]:
    return tuple(
        Observation(
            metric=metric,
            value=float(scores.values[row, column]),
            low=float(scores.usual_low[row, column]),
            high=float(scores.usual_high[row, column]),
            share=float(scores.contributions[row, column]),
            detector=_detector(scores, row, column),
            # not where a nightly run is due
            zero_normal=bool(context.model.statistics.zero_normal[column])
            and not float(scores.usual_low[row, column]) > 0,
            undefined=bool(scores.undefined[row, column]),
        )
        for column, metric in enumerate(context.metrics)
    )


def _detector(scores: Scores, row: int, column: int) -> str:
    index = int(scores.detector_index[row, column])
    return scores.detectors[index] if 0 <= index < len(scores.detectors) else ""


def _readings(context: JudgeContext, observations: tuple[Observation, ...]) -> tuple[Reading, ...]:
    statistics = context.model.statistics
    return tuple(
        Reading(
            metric=one.metric,
            value=one.value,
            usual=0.0 if one.zero_normal else (one.low + one.high) / 2,
            mean=float(statistics.mean[column]) if statistics.samples[column] else math.nan,
            low=one.low,
            high=one.high,
            least=float(statistics.quantiles[column, RARE])
            if statistics.samples[column]
            else math.nan,
            undefined=one.undefined,
        )
        for column, one in enumerate(observations)
    )


def _drift(metrics: tuple[MetricSpec, ...], scores: Scores, row: int) -> Drift:
    found = scores.drift
    pairs = zip(metrics, found.per_metric[row], strict=True)
    return Drift(
        score=decimal(float(found.score[row]), 3),
        penalty=percent(float(found.penalty[row])),
        metrics=tuple(metric.name for metric, distance in pairs if float(distance) >= DRIFTED),
    )
