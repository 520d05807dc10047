"""Values that are harmful in themselves, at both sides of each figure."""

from __future__ import annotations

import math

import pytest

from detector_runtime.contract.vocabulary import Severity
from detector_runtime.verdict.explain import Observation
from detector_runtime.verdict.harm import harm
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

NONE, HIGH, CRITICAL = Severity.NONE, Severity.HIGH, Severity.CRITICAL


@pytest.mark.parametrize(
    ("metric", "value", "usual", "wanted"),
    [
        (ERRORS, 0.02, (0.0, 0.005), NONE),
        (ERRORS, 0.0201, (0.0, 0.005), HIGH),
        (ERRORS, 0.05, (0.0, 0.005), HIGH),
        (ERRORS, 0.0501, (0.0, 0.005), CRITICAL),
        (LATENCY, 1000.0, (100.0, 200.0), NONE),
        (LATENCY, 1001.0, (100.0, 200.0), HIGH),
        (LATENCY, 2000.0, (100.0, 200.0), HIGH),
        (LATENCY, 2001.0, (100.0, 200.0), CRITICAL),
        # not clearly outside: less than twice the upper end
        (LATENCY, 2999.0, (100.0, 1500.0), NONE),
        (LATENCY, 3000.0, (100.0, 1500.0), CRITICAL),
        (ERRORS, 0.0599, (0.0, 0.03), NONE),
        (ERRORS, 0.06, (0.0, 0.03), CRITICAL),
        # 30 % of the middle of the usual range
        (RATE, 30.0, (80.0, 120.0), NONE),
        (RATE, 29.9, (80.0, 120.0), HIGH),
        (RATE, 500.0, (80.0, 120.0), NONE),
        # inside the usual range, however low
        (RATE, 10.0, (5.0, 120.0), NONE),
        (DATABASE, 9000.0, (1.0, 2.0), NONE),
        (LATENCY, math.nan, (100.0, 200.0), NONE),
    ],
)
def test_a_value_is_harmful_beyond_its_figure_and_clearly_outside_what_is_usual(
    metric, value, usual, wanted
):
    assert harm([Observation(metric, value, *usual, 1.0)]) is wanted


def test_the_most_harmful_value_counts_and_none_without_any():
    slow = Observation(LATENCY, 1500.0, 100.0, 200.0, 0.5)
    failing = Observation(ERRORS, 0.3, 0.0, 0.005, 0.5)
    assert harm([slow, failing]) is CRITICAL
    assert harm([]) is NONE


def test_the_first_errors_ever_need_no_usual_range():
    assert harm([Observation(ERRORS, 0.06, 0.0, 0.9, 1.0, zero_normal=True)]) is CRITICAL
