"""How many requests a service usually has, to weigh what it adds to its callers.

Only rates a second count, so that services whose queries count something else are not compared.
"""

from __future__ import annotations

import math

from anomaly_operator.manifests.span_metrics import metric_roles
from anomaly_operator.spec.service import ServiceSpec
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.vocabulary import Role, Unit

UNKNOWN = 0.0


def request_rate(spec: ServiceSpec | None, report: WindowReport | None) -> float:
    """Requests a second that training saw, by the newest window in full; UNKNOWN without one."""
    if spec is None or report is None:
        return UNKNOWN
    other = {one.name for one in spec.metrics if one.unit is not Unit.REQUESTS_PER_SECOND}
    roles = metric_roles(spec)
    means = [
        _number(one.mean)
        for one in report.comparison
        if roles.get(one.metric) is Role.TRAFFIC and one.metric not in other
    ]
    return max(means, default=UNKNOWN)


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return UNKNOWN
    return found if math.isfinite(found) and found > 0 else UNKNOWN
