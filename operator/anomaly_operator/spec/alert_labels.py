"""`spec.alertLabels`: what a team writes on the messages about its service.

Names are those of Prometheus labels. The names that every alert has are taken: a user must not
pass an incident off as one of another namespace or severity.
"""

from __future__ import annotations

import re

from anomaly_operator.api.fields import Fields

TAKEN = frozenset({"alertname", "namespace", "service", "pattern", "severity"})
MAX_LABELS = 16
MAX_VALUE = 256
_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")


def read_alert_labels(fields: Fields) -> dict[str, str]:
    """Raises SpecError, for objects that are older than the rule in the schema."""
    labels = fields.text_map("alertLabels")
    if len(labels) > MAX_LABELS:
        raise fields.refuse("alertLabels", f"{len(labels)} labels; at most {MAX_LABELS}")
    for name, value in labels.items():
        if not _NAME.fullmatch(name) or name.startswith("__") or name in TAKEN:
            taken = ", ".join(sorted(TAKEN))
            text = f"{name!r} cannot name a label; use letters, digits and _, and none of {taken}"
            raise fields.refuse("alertLabels", text)
        if not value or len(value) > MAX_VALUE:
            raise fields.refuse(
                "alertLabels", f"{name}: a value has 1 to {MAX_VALUE} characters, not {len(value)}"
            )
    return labels
