"""`spec.serving`: whether the service's model answers requests, and who may ask.

Off by default. How many replicas at most, with which image and under which account is the
administrator's decision, so none of it is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from anomaly_operator.api.fields import Fields

MAX_REPLICAS = 20


class ServingAuth(StrEnum):
    """Who may ask for predictions. `Token`: whoever has the token of the namespace's Secret
    `anomaly-serving-token`. `TokenReview`: whoever has a token that the cluster knows."""

    NONE = "None"
    TOKEN = "Token"  # noqa: S105 - a choice, not a secret
    TOKEN_REVIEW = "TokenReview"  # noqa: S105 - a choice, not a secret


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """`resources`: those of a container, empty = settings'."""

    enabled: bool = False
    replicas: int = 1
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    auth: ServingAuth = ServingAuth.NONE


def parse_serving(fields: Fields) -> ServingPlan:
    """`fields` is the spec. Raises SpecError."""
    part = fields.child("serving")
    resources = part.child("resources")
    read = {key: resources.quantities(key) for key in ("requests", "limits")}
    return ServingPlan(
        enabled=part.flag("enabled", default=False),
        replicas=part.integer("replicas", 1, minimum=1, maximum=MAX_REPLICAS),
        resources={key: value for key, value in read.items() if value},
        auth=part.choice("auth", ServingAuth.NONE),
    )
