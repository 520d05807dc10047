"""The administrator's patterns: the list `patterns` of the settings file, for all services.

A text may use the roles and the metrics that the pattern's own conditions name: another metric is
not to be found in most services, and a misspelt word would silently leave out its clause.
"""

from __future__ import annotations

from anomaly_operator.api.fields import Fields
from anomaly_operator.spec.pattern_fit import metrics_named, unknown_words
from anomaly_operator.spec.patterns import read_patterns
from detector_runtime.contract.patterns import PatternSpec

MAX_SHARED = 32
"""They stand in the RunConfig of each service."""


def read_shared_patterns(root: Fields) -> tuple[PatternSpec, ...]:
    """Raises SettingsError."""
    found = read_patterns(root, MAX_SHARED, strict=True)
    for spec in found:
        problem = unknown_words(spec, metrics_named(spec))
        if problem:
            raise root.refuse("patterns", problem)
    return found
