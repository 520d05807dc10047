"""The placeholders in a pattern's texts: what `{latency}` and `{latency.usual}` may speak of.

The operator checks them before a pod runs; the pod fills them in (`patterns.wording`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.vocabulary import Role

ROLES: Mapping[str, Role] = {
    "traffic": Role.TRAFFIC,
    "latency": Role.LATENCY,
    "errors": Role.ERRORS,
    "database": Role.DATABASE_LATENCY,
    "dependency": Role.DEPENDENCY_LATENCY,
    "saturation": Role.SATURATION,
}
PLACEHOLDERS = frozenset({*ROLES, "ratio", "dependencies", "who", "when"})
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_-]*)(?:\.(usual|times))?\}", re.IGNORECASE)


def unknown_placeholders(spec: PatternSpec, metrics: Collection[str]) -> tuple[str, ...]:
    """The placeholders of a pattern's texts that name neither a role nor one of `metrics`."""
    texts = (spec.message, spec.impact, *spec.actions)
    names = (name for one in texts for name, _ in PLACEHOLDER.findall(one))
    return tuple(dict.fromkeys(one for one in names if one not in {*PLACEHOLDERS, *metrics}))
