"""Spans of rows are the incidents that the operator's folding makes of the same windows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from anomaly_cli.replay import incidents
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.state import IncidentSettings
from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.contract.vocabulary import Severity, Verdict
from detector_runtime.fitting.incident_spans import incident_spans

STEP = 60
ROWS = 400


@pytest.mark.parametrize("confirmation", [1, 2, 3, 5])
@pytest.mark.parametrize("grace", [1, 3])
@pytest.mark.parametrize("reopen", [0, 300, 1800])
def test_spans_are_those_of_the_operators_folding(
    confirmation: int, grace: int, reopen: int
) -> None:
    for seed, missing in product(range(4), (0.0, 0.3)):
        rng = np.random.default_rng(seed)
        present = rng.random(ROWS) >= missing
        anomalous = present & (
            np.repeat(rng.random(ROWS // 4) < 0.25, 4) | (rng.random(ROWS) < 0.05)
        )
        separation = (grace + 1) * STEP + 1
        settings = IncidentSettings("s", "s", STEP, confirmation, grace, separation, reopen)
        rules = IncidentSpec(confirmation, grace, separation, reopen)
        folded, _ = incidents(
            (
                Cycle(STEP * (row + 1), verdict(there, bad), Severity.HIGH, patterns=("metric_x",))
                for row, (there, bad) in enumerate(zip(present, anomalous, strict=True))
            ),
            settings,
        )
        expected = [(span.opened, span.seen) for span in folded]
        assert incident_spans(anomalous, STEP, rules, present) == expected


def verdict(present: bool, anomalous: bool) -> Verdict:
    if not present:
        return Verdict.INCONCLUSIVE
    return Verdict.ANOMALOUS if anomalous else Verdict.NORMAL


def test_windows_longer_than_the_separation_still_make_an_incident() -> None:
    anomalous = np.array([False, True, True, True, False])
    assert incident_spans(anomalous, 3600, IncidentSpec()) == [(2, 3)]
