"""Whether the operator may suspend a training workload, and where: `trainingRuns.suspend`.

What is half written is refused. The account is the chart's; the operator has no right of its own to
change a workload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from anomaly_operator.api.fields import Fields

_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")


@dataclass(frozen=True, slots=True)
class SuspendSettings:
    """Off by default. `account`: the ServiceAccount in the operator's own namespace that may patch
    Jobs and TrainJobs in each of `namespaces`.
    """

    enabled: bool = False
    namespaces: tuple[str, ...] = ()
    account: str = ""


def read_suspend(part: Fields) -> SuspendSettings:
    """`trainingRuns` of the settings file. Raises the error of `part`."""
    fields = part.child("suspend")
    found = SuspendSettings(
        enabled=fields.flag("enabled", default=False),
        namespaces=fields.texts("namespaces"),
        account=fields.text("serviceAccountName"),
    )
    fields.done()
    part.done()
    if not found.enabled:
        return found
    if not found.namespaces:
        text = "is empty; name each namespace in which a training may be suspended"
        raise fields.refuse("namespaces", text)
    for namespace in found.namespaces:
        if _NAME.match(namespace) is None:
            raise fields.refuse("namespaces", f"{namespace!r} is not the name of a namespace")
    if _NAME.match(found.account) is None:
        text = f"{found.account!r} is not the name of an account; the chart writes its own here"
        raise fields.refuse("serviceAccountName", text)
    return found
