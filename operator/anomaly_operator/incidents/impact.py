"""What an incident means for whoever runs the service: whether there is anything to do.

Two verdicts come together here: the severity, which is the model's through the SLO, and the SLO
status itself. The level orders nobody about and changes neither.
"""

from __future__ import annotations

from enum import StrEnum

from anomaly_operator.incidents.transitions import notifies
from detector_runtime.contract.vocabulary import Severity, SLOStatus


class ImpactLevel(StrEnum):
    """`None`: nothing is unusual and all values are acceptable. `Informational`: worth a record.
    `Actionable`: look into it. `Critical`: act now.
    """

    NONE = "None"
    INFORMATIONAL = "Informational"
    ACTIONABLE = "Actionable"
    CRITICAL = "Critical"


def impact_level(severity: Severity, slo: SLOStatus) -> ImpactLevel:
    """Of an incident of `severity`, None where there is none, under an SLO in this status."""
    if slo is SLOStatus.BREACHED or severity is Severity.CRITICAL:
        return ImpactLevel.CRITICAL
    if slo is SLOStatus.WARNING or notifies(severity):
        return ImpactLevel.ACTIONABLE
    if slo is SLOStatus.ELEVATED or severity is not Severity.NONE:
        return ImpactLevel.INFORMATIONAL
    return ImpactLevel.NONE
