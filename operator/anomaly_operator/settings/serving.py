"""What the admin decides about served models: `serving` of the settings file.

Off by default, because each service that serves has a pod that never ends, and the operator needs
rights on Deployments and Services for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from anomaly_operator.api import names
from anomaly_operator.api.fields import Fields

SERVING_RESOURCES: Mapping[str, Mapping[str, str]] = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}
_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """`max_replicas`: of one service. `account`: a ServiceAccount that the admin made in each
    namespace with `auth: TokenReview` and that may create TokenReviews; empty where nobody may use
    that.
    """

    enabled: bool = False
    image: str = "anomaly-operator/runtime-serve:0.1.0"
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: SERVING_RESOURCES)
    max_replicas: int = 3
    account: str = ""


def read_serving(part: Fields) -> ServingSettings:
    """Raises the error of `part`."""
    default = ServingSettings()
    found = ServingSettings(
        enabled=part.flag("enabled", default=default.enabled),
        image=part.text("image", default.image),
        resources=part.mapping("resources", default.resources),
        max_replicas=part.integer("maxReplicas", default.max_replicas, minimum=1, maximum=20),
        account=part.text("tokenReviewAccount"),
    )
    part.done()
    if found.account == names.RUNNER:
        text = f"{names.RUNNER} is the account of the scoring pods; make one for TokenReviews"
        raise part.refuse("tokenReviewAccount", text)
    if found.account and _NAME.match(found.account) is None:
        text = f"{found.account!r} is not the name of an account; write for example anomaly-server"
        raise part.refuse("tokenReviewAccount", text)
    return found
