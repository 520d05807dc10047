"""The evaluation for machines: one JSON document with every figure, null where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from anomaly_cli.evaluation.bootstrap import LEVEL, RESAMPLES, Difference, Interval, Measured
from anomaly_cli.evaluation.conclusion import conclusion
from anomaly_cli.evaluation.evaluate import Choice, Evaluation
from anomaly_cli.evaluation.rates import Rates
from anomaly_cli.evaluation.separation import Group
from detector_runtime.series.frame import Floats

FORMAT_VERSION = 1
Json = dict[str, Any]


def document(found: Evaluation, notes: Sequence[str]) -> Json:
    """`notes`: how the rows were read."""
    names = found.split.report.names
    return {
        "formatVersion": FORMAT_VERSION,
        "seed": found.seed,
        "notes": list(notes),
        "conclusion": list(conclusion(found)),
        "columns": list(found.split.train.columns),
        "constantColumns": list(found.split.constant),
        "parts": {
            name: {
                "rows": len(part),
                "anomalies": int(part.anomalous.sum()),
                "kinds": {
                    kind: int((part.kinds == at).sum()) for at, kind in enumerate(names, start=1)
                },
            }
            for name, part in found.split.parts()
        },
        "members": [{"name": one.name, **one.parameters} for one in found.members],
        "weights": {
            one.name: weight for one, weight in zip(found.members, found.weights, strict=True)
        },
        "bestMember": found.best,
        "chosen": found.chosen.name,
        "bootstrap": {"resamples": RESAMPLES, "level": LEVEL},
        "choices": [_choice(one, names) for one in found.choices],
        "fixed": [{"name": name, **_rates(one)} for name, one in found.fixed],
        "scores": [
            {
                "member": one.member,
                "normal": _group(one.normal),
                "anomaly": _group(one.anomaly),
                "cohenD": _number(one.cohen_d),
                "edges": _numbers(one.edges),
                "normalDensity": _numbers(one.normal_density),
                "anomalyDensity": _numbers(one.anomaly_density),
            }
            for one in found.separations
        ],
        "sweep": None
        if found.sweep is None
        else {
            "thresholds": _numbers(found.sweep.thresholds),
            "f1Alone": _numbers(found.sweep.alone),
            "f1Majority": _numbers(found.sweep.vote),
            "bestAlone": found.sweep.best_alone,
            "bestMajority": found.sweep.best_vote,
        },
        "principalComponents": {"explainedVariance": list(found.projection.explained)},
    }


def _choice(one: Choice, names: Sequence[str]) -> Json:
    return {
        "name": one.name,
        "sort": one.sort.value,
        "tune": _rates(one.tune),
        "report": _measured(one.report),
        "byKind": {name: _measured(kind) for name, kind in zip(names, one.by_kind, strict=True)},
        "f1LessBestMember": _difference(one.to_best),
        "f1LessMajority": _difference(one.to_vote),
        "beatsEveryMember": one.beats_all,
    }


def _rates(one: Rates) -> Json:
    return {
        "f1": _number(one.f1),
        "precision": _number(one.precision),
        "recall": _number(one.recall),
    }


def _measured(one: Measured) -> Json:
    return {
        **_rates(one.rates),
        "f1Interval": _interval(one.f1),
        "precisionInterval": _interval(one.precision),
        "recallInterval": _interval(one.recall),
    }


def _difference(one: Difference) -> Json:
    return {"value": _number(one.value), "interval": _interval(one.interval)}


def _interval(one: Interval) -> list[float | None]:
    return [_number(one.low), _number(one.high)]


def _group(one: Group) -> Json:
    return {"rows": one.count, "mean": one.mean, "deviation": one.deviation}


def _numbers(values: Floats) -> list[float | None]:
    return [_number(float(one)) for one in values]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
