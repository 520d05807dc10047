"""What the status says of a served model: the condition Serving and `status.serving`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.conditions import Condition


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`condition` None: the model is not to be served, and nothing is left of a time when it was.
    `shown`: `status.serving`.
    """

    condition: Condition | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
