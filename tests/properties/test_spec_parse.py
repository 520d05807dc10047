"""Whatever stands in a spec, parsing ends with a value or with problems that name a field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.periods import DAYS, week_table
from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.contract.vocabulary import ContractError

TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "5m",
            "30d",
            "0s",
            "1h30m",
            "90%",
            "-1%",
            "1e400",
            "nan",
            "08:00",
            "Etc/UTC",
            "2026-11-20T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "* * * * *",
            "Mon",
            "Core",
            "High",
            "Latency",
        ]
    ),
)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), TEXT)
KEYS = st.sampled_from(
    [
        "category",
        "suspend",
        "source",
        "name",
        "parameters",
        "step",
        "rateInterval",
        "metrics",
        "query",
        "role",
        "unit",
        "direction",
        "minDeviation",
        "absolute",
        "relative",
        "validRange",
        "min",
        "max",
        "timeZone",
        "periodPreset",
        "periods",
        "days",
        "start",
        "end",
        "confidence",
        "detector",
        "falseIncidentsPerWeek",
        "expectedAnomalyRate",
        "seed",
        "training",
        "schedule",
        "spread",
        "lookback",
        "minSamples",
        "univariate",
        "exclude",
        "inference",
        "interval",
        "incidents",
        "separation",
        "dependsOn",
        "sloPolicyRef",
        "modelRevision",
        "resources",
        "limits",
        "patterns",
        "when",
        "metric",
        "level",
        "ratios",
        "of",
        "above",
        "message",
        "actions",
        "preset",
        "thresholds",
        "latency",
        "errorRate",
        "acceptable",
        "warning",
        "critical",
        "databaseLatency",
        "floor",
        "requestRate",
        "minimum",
        "surge",
        "floors",
        "busyPeriods",
        "busyPeriodFactor",
        "overrides",
        "service",
        "serviceSelector",
        "matchLabels",
        "severity",
    ]
)
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=1000)
@given(document=st.dictionaries(KEYS, ANYTHING, max_size=8) | ANYTHING)
def test_parsing_never_raises_and_never_says_nothing(document: Any) -> None:
    for parse in (parse_service, parse_policy):
        found, problems = parse(document)
        assert (found is None) == bool(problems)
        assert all(problem.field.startswith("spec") and problem.message for problem in problems)


@st.composite
def weeks(draw: st.DrawFn) -> list[PeriodSpec]:
    """The week cut at some minutes of each day, the same on each of them."""
    cuts = sorted(draw(st.sets(st.integers(0, 1439), min_size=1, max_size=6)))
    every = tuple(range(len(DAYS)))
    ends = [*cuts[1:], cuts[0]]
    return [
        PeriodSpec(f"p{number}", every, start, end, 0.5)
        for number, (start, end) in enumerate(zip(cuts, ends, strict=True))
    ]


@given(periods=weeks(), data=st.data())
def test_a_week_is_covered_by_its_parts_and_by_nothing_less_or_more(
    periods: list[PeriodSpec], data: st.DataObject
) -> None:
    assert set(week_table(periods)) == set(periods)
    one = data.draw(st.sampled_from(periods))
    with pytest.raises(ContractError, match="no period"):
        week_table([other for other in periods if other != one])
    with pytest.raises(ContractError, match="belongs to both"):
        week_table([*periods, one])
