"""A burning error budget as a finding of a window."""

from __future__ import annotations

from detector_runtime.contract.detection import Finding
from detector_runtime.contract.objectives import TIERS
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.objectives.burn import Burn, Events
from detector_runtime.verdict.burning import with_burn
from loopback.events import objective

SPEC = objective()
EVENTS = Events(250, 10_000, 0.025)
END = 1_780_000_020


def burn(tier: int) -> Burn:
    return Burn(SPEC, TIERS[tier], 25.0, 30.0, EVENTS, 0.63)


def found(name: str, severity: Severity) -> Finding:
    return Finding(name, severity, Severity.HIGH, "90%", "5", "summary", "since")


def names(findings: tuple[Finding, ...]) -> list[str]:
    return [one.pattern for one in findings]


def test_alone_it_has_the_severity_of_its_tier_and_all_figures():
    (alone,) = with_burn((), burn(0), END, 0.4)
    assert (alone.pattern, alone.severity) == ("error_budget_burn", Severity.CRITICAL)
    assert (alone.model_severity, alone.confidence) == (Severity.NONE, "100%")
    assert alone.summary == (
        "availability: 250 events (2.5%) failed in the last 1h, 25x what the target of 99.9% "
        "allows; PageFast burns from 14.4x over 1h and 5m; 63% of the error budget for 30d is left"
    )


def test_it_joins_what_the_model_found_by_severity():
    high = found("database_degradation", Severity.HIGH)
    both = with_burn((high,), burn(1), END, 5.0)
    assert names(both) == ["database_degradation", "error_budget_burn"], "a pattern tells the cause"
    worse = with_burn((high,), burn(0), END, 5.0)
    assert names(worse) == ["error_budget_burn", "database_degradation"]
    assert worse[0].model_severity is Severity.HIGH, "of the window, which the model finds unusual"


def test_it_is_never_the_one_that_is_left_out():
    four = tuple(found(f"metric_{n}", Severity.HIGH) for n in range(4))
    together = with_burn(four, burn(3), END, 5.0)
    assert names(together) == ["metric_0", "metric_1", "metric_2", "error_budget_burn"]
