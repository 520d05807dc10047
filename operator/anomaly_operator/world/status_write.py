"""Whether a status has to be written: the difference between what is live and what should be.

Fields that another field manager left are a difference as well. Who may remove them and how often
is the matter of the controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.api.conditions import same_status
from anomaly_operator.api.leftovers import says
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import ApplyStatus

Status = Mapping[str, Any]


def status_write(
    meta: Meta, status: Status, live: Status, *, shown: Status | None = None
) -> tuple[ApplyStatus, ...]:
    """The write that makes the status of an object `status`, or none. `live`: without the parts of
    other field managers of ours. `shown`: the form in which `live` has `status`, where they differ.
    """
    wanted = status if shown is None else shown
    if same_status(wanted, live):
        return ()
    left = says(meta.kind, live, wanted)
    return (ApplyStatus(meta.ref, meta.resource_version, status, only_leftovers=left),)
