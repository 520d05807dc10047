"""Why a finding's severity is not the model's, in words.

Pattern, harmful values and SLO may each move a severity, also in opposite directions; only what
moved it the way that it went is said. It decides nothing.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import Severity
from detector_runtime.verdict.severity import Weighed

HARMFUL = "the values are harmful in themselves"
BURNING = "the error budget burns too fast"


def adjustment(model: Severity, told: Severity, judged: Weighed, pattern: str = "") -> str:
    """One sentence; empty where the severity is the model's. `told`: as `pattern` and values had
    it, before the SLO; `pattern` is empty where none names the finding."""
    severity = judged.severity
    if severity is model:
        return ""
    raised = severity.rank > model.rank
    by_slo = severity.rank > told.rank if raised else severity.rank < told.rank
    if by_slo:
        return _sentence(model, severity, judged.reason)
    if not raised:
        return _sentence(model, severity, f"{pattern} is {told} at most")
    # A value that is harmful raises only what is Medium already; a locked pattern raises the rest.
    harmful = model.rank >= Severity.MEDIUM.rank
    return _sentence(model, severity, HARMFUL if harmful else f"{pattern} is always {told}")


def by_budget(model: Severity, severity: Severity) -> str:
    """The same for a burning error budget."""
    return "" if severity is model else _sentence(model, severity, BURNING)


def disagreement(model: Severity, judged: Weighed) -> str:
    """What the SLO makes of a severity that it moves; empty where it leaves it, or only takes back
    what a pattern did to the model's."""
    if not judged.reason or judged.severity is model:
        return ""
    return f"{judged.reason}: {judged.severity.lower()}"


def _sentence(model: Severity, severity: Severity, reason: str) -> str:
    return f"{severity} instead of {model}: {reason}"
