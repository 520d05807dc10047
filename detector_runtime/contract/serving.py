"""Which revision a server answers with, as the operator tells it.

The file is mounted from a ConfigMap that the operator updates in place, so a promotion reaches a
server that runs. It names the revision and never says where the model is or what may ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from detector_runtime.contract.codec import OMIT_DEFAULT

SERVED_FILE = "served.json"
SERVED_PATH = f"/etc/anomaly-operator/served/{SERVED_FILE}"
SERVING_TOKEN_PATH = "/etc/anomaly-operator/serving-auth/token"  # noqa: S105 - a path
SERVING_PORT = 8080


@dataclass(frozen=True, slots=True)
class Served:
    """`digest`: of the revision, which the server compares with what it loads. `since`: when the
    operator named it, ISO 8601. `level_offset`: by how much the alert level is raised, as scoring
    raises it."""

    revision: str
    digest: str
    since: str
    level_offset: Annotated[float, OMIT_DEFAULT] = 0.0
