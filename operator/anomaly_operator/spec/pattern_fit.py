"""Whether patterns fit the service that they are to name: its metrics, roles and known names.

The administrator's patterns are for all services, and one whose metrics a service lacks matches
nothing there; a user's own that does is a mistake and is refused. A quiet name that no pattern has
is told and refuses nothing: the administrator may have removed that pattern since.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.patterns import LOW, LOWER_IS_BETTER
from detector_runtime.contract.pattern_names import BUILT_IN
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.placeholders import PLACEHOLDERS, unknown_placeholders
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role

Subject = tuple[Role | None, str]
MAX_TOLD = 8
MAX_CLOSEST = 2
CLOSE = 0.6
"""Share of two names that is alike (difflib) from which on one may be meant by the other."""


def check_patterns(own: Sequence[PatternSpec], metrics: Sequence[MetricSpec]) -> None:
    """A service's `own` patterns against its `metrics`. Raises SpecError."""
    names = [one.name for one in metrics]
    for spec in own:
        problem = (
            _missing(spec, metrics) or _unreachable(spec, metrics) or unknown_words(spec, names)
        )
        if problem:
            raise SpecError(Problem(Reason.INVALID_SPEC, "spec.patterns", problem))


def unknown_quiet(non_alerting: Sequence[str], patterns: Sequence[PatternSpec]) -> str:
    """What is wrong with `spec.nonAlertingPatterns`, with the known names that are closest; empty:
    nothing. `patterns`: the service's own and the administrator's."""
    known = sorted(BUILT_IN | {one.name for one in patterns})
    unknown = [name for name in non_alerting if name not in known]
    if not unknown:
        return ""
    shown = ", ".join(with_closest(name, known) for name in unknown[:MAX_TOLD])
    more = f" and {len(unknown) - MAX_TOLD} more" if len(unknown) > MAX_TOLD else ""
    one = len(unknown) == 1
    has, rest = ("a name", "It silences") if one else ("names", "They silence")
    return (
        f"`spec.nonAlertingPatterns` has {has} that no pattern has: {shown}{more}. {rest} nothing; "
        f"correct or remove {'it' if one else 'them'}. `kubectl-anomaly patterns list` shows the "
        "patterns that are built in"
    )


def with_closest(name: str, known: Sequence[str]) -> str:
    """A name that is none of `known`, with those that are closest."""
    closest = get_close_matches(name, known, n=MAX_CLOSEST, cutoff=CLOSE)
    return f"{name} (closest: {', '.join(closest)})" if closest else name


def unknown_words(spec: PatternSpec, metrics: Collection[str]) -> str:
    """What is wrong with the placeholders of its texts; empty: nothing."""
    unknown = unknown_placeholders(spec, metrics)
    if not unknown:
        return ""
    known = ", ".join(sorted({*PLACEHOLDERS, *metrics}))
    return f"{spec.name} uses the placeholder {{{unknown[0]}}}; known are {known}"


def metrics_named(spec: PatternSpec) -> frozenset[str]:
    """The metrics that its conditions call by name."""
    return frozenset(metric for _, metric in _subjects(spec) if metric)


def _missing(spec: PatternSpec, metrics: Sequence[MetricSpec]) -> str:
    names, roles = [one.name for one in metrics], {one.role for one in metrics}
    for role, metric in _subjects(spec):
        if metric and metric not in names:
            return f"{spec.name} names the metric {metric}; the service has {', '.join(names)}"
        if role and role not in roles:
            return (
                f"{spec.name} names the role {role}, and no metric of the service has it; give a "
                "metric that role or remove the condition"
            )
    return ""


def _unreachable(spec: PatternSpec, metrics: Sequence[MetricSpec]) -> str:
    """A level that no metric of a condition can have: the runtime calls none low whose low values
    are good news."""
    for condition in spec.when:
        found = [
            one
            for one in metrics
            if (one.name == condition.metric if condition.metric else one.role is condition.role)
        ]
        if set(condition.levels) <= LOW and not any(_falls(one) for one in found):
            about = condition.metric or condition.role
            return (
                f"{spec.name} wants {about} to be {' or '.join(condition.levels)}, which it never "
                "is, as low values of it are good news; give the metric direction Both or Down"
            )
    return ""


def _falls(metric: MetricSpec) -> bool:
    if metric.role in LOWER_IS_BETTER:
        return False
    return metric.direction is not Direction.UP or metric.role in (Role.LATENCY, Role.TRAFFIC)


def _subjects(spec: PatternSpec) -> list[Subject]:
    found: list[Subject] = [(one.role, one.metric) for one in spec.when]
    for one in spec.ratios:
        found += [(one.role, one.metric), (one.of_role, one.of_metric)]
    return found
