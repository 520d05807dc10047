"""What an incident means for whoever runs the service, cell by cell."""

from __future__ import annotations

import pytest

from anomaly_operator.incidents.impact import ImpactLevel, impact_level
from detector_runtime.contract.vocabulary import Severity, SLOStatus

NONE, INFORMATIONAL, ACTIONABLE, CRITICAL = list(ImpactLevel)

# Rows: SLO status; columns: the impact for a severity of None, Informational, Low, Medium, High and
# Critical.
TABLE = {
    SLOStatus.UNKNOWN: (NONE, INFORMATIONAL, INFORMATIONAL, ACTIONABLE, ACTIONABLE, CRITICAL),
    SLOStatus.OK: (NONE, INFORMATIONAL, INFORMATIONAL, ACTIONABLE, ACTIONABLE, CRITICAL),
    SLOStatus.ELEVATED: (
        INFORMATIONAL, INFORMATIONAL, INFORMATIONAL, ACTIONABLE, ACTIONABLE, CRITICAL,
    ),
    SLOStatus.WARNING: (ACTIONABLE,) * 5 + (CRITICAL,),
    SLOStatus.BREACHED: (CRITICAL,) * 6,
}  # fmt: skip


@pytest.mark.parametrize(
    ("slo", "severity", "wanted"),
    [
        (slo, severity, wanted)
        for slo, row in TABLE.items()
        for severity, wanted in zip(Severity, row, strict=True)
    ],
)
def test_the_impact_of_a_severity_under_an_slo(
    slo: SLOStatus, severity: Severity, wanted: ImpactLevel
) -> None:
    assert impact_level(severity, slo) is wanted
