"""A write that the API server refuses: what it means, and what is left alone meanwhile.

A quota, a missing role, an admission policy, a webhook that is down: none of them is our state, and
nobody tells when it changes. So the refused object is left out of the plans until it is tried
again, and everything else of the service goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api.names import names_containment, names_serving
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.world.diagnosis import Diagnosis

_SAID_LENGTH = 600
"""The server repeats whole objects at times; the next step must still fit behind its words."""
_NEXT_STEP = {
    Reason.QUOTA_EXCEEDED: "Raise the quota or delete what fills it.",
    Reason.FORBIDDEN: "Grant it to the operator's service account, or let admission allow it.",
    Reason.REJECTED: "Change the admission policy that refuses it; without one, report a defect.",
    Reason.SERVER_ERROR: "Repair the webhook that the message names, or see the API server's log.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`said`: the server's own words."""

    kind: str
    name: str
    reason: Reason
    said: str

    @property
    def of_serving(self) -> bool:
        """Whether the object serves a model; detection goes on without it."""
        return names_serving(self.name)


@dataclass(frozen=True, slots=True)
class Withheld:
    """`refused` stands in the conditions. Left out of the plan it is only while not `retrying`."""

    refused: tuple[Refusal, ...] = ()
    retrying: bool = False

    def holds(self, kind: str, name: str) -> bool:
        """Whether this object is to be left as it is."""
        return not self.retrying and any(
            (one.kind, one.name) == (kind, name) for one in self.refused
        )

    @property
    def bars_training(self) -> bool:
        """A Job needs its account, claim and RunConfig; the object of an incident it does not, and
        neither the Job that contains one nor what serves a model."""
        return not self.retrying and any(
            one.kind != ANOMALY.kind and not names_containment(one.name) and not one.of_serving
            for one in self.refused
        )


def refusal(kind: str, name: str, status: int, said: str) -> Refusal:
    """`status`: of the HTTP answer."""
    if status == 403:
        reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in said else Reason.FORBIDDEN
    elif status >= 500:
        reason = Reason.SERVER_ERROR
    else:
        reason = Reason.REJECTED
    return Refusal(kind, name, reason, said)


def refusal_diagnosis(refused: tuple[Refusal, ...]) -> Diagnosis | None:
    """The first only, children before incidents: what follows changes with every try."""
    if not refused:
        return None
    first = min(refused, key=lambda one: one.kind == ANOMALY.kind)
    text = (
        f"The API server refuses {first.kind} {first.name}: "
        f"{first.said[:_SAID_LENGTH].rstrip('.')}. {_NEXT_STEP[first.reason]} "
        "The operator tries again every few minutes."
    )
    return Diagnosis(first.reason, text)
