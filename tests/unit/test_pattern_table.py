"""The table of scenarios on the control plane reaches everything that can be reached."""

from __future__ import annotations

from anomaly_operator.incidents.state import Resolution
from anomaly_operator.incidents.transitions import TransitionKind
from benchmarks.patterns.shop_table import TABLE
from detector_runtime.contract.pattern_names import BUILT_IN, METRIC_PREFIX
from detector_runtime.contract.vocabulary import SLOStatus
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.verdict.findings import SLO_BREACH

ROWS = [row for watch in TABLE for row in watch.rows]
NAMED = {name for row in ROWS for name in (row.pattern, *row.also)}


def test_each_pattern_of_the_catalogue_has_a_row() -> None:
    catalogue = {spec.name for spec in CATALOGUE}
    assert catalogue == BUILT_IN
    assert catalogue - NAMED == set()


def test_what_is_no_pattern_has_a_row() -> None:
    assert {SLO_BREACH, "error_budget_burn"} <= NAMED
    assert any(name.startswith(METRIC_PREFIX) for name in NAMED)


def test_each_slo_status_has_a_row() -> None:
    assert {row.slo for row in ROWS} == set(SLOStatus)


def test_each_action_and_each_end_of_an_incident_has_a_row() -> None:
    # What opens or expires was suspected before, and that alone is seen by nobody.
    reached = {kind for row in ROWS for kind in row.actions}
    assert reached == set(TransitionKind) - {TransitionKind.SUSPECTED}
    # Only a training run ends; its incidents have no pattern of a service.
    of_services = set(Resolution) - {Resolution.RUN_ENDED}
    assert {row.resolution for row in ROWS} - {None} == of_services
