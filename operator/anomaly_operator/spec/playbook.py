"""From `spec.playbook` of an SLOPolicy to a `Playbook`.

A policy without tiers has the default ones, and one without weights the default weights.
"""

from __future__ import annotations

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.reasons import Reason
from anomaly_operator.incidents.playbook import DEFAULT_TIERS, Entry, Playbook, Tier
from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, FULL, Part

WEIGHT_FIELDS = {
    Part.SEVERITY: "severity",
    Part.SLO: "slo",
    Part.BUDGET: "budget",
    Part.SPREAD: "spread",
    Part.DURATION: "duration",
    Part.CONFIDENCE: "confidence",
    Part.CATEGORY: "category",
    Part.CONTEXT: "context",
}
MIN_DEADLINE, MAX_DEADLINE = 60, 30 * 86_400


def parse_playbook(spec: Fields) -> Playbook:
    """Raises SpecError."""
    fields = spec.child("playbook")
    tiers = tuple(_tier(item) for item in fields.items("tiers"))
    if tiers:
        tiers = tuple(sorted(tiers, key=lambda one: -one.begins))
        _check(fields, tiers)
    return Playbook(
        weights=_weights(fields) if fields.has("weights") else DEFAULT_WEIGHTS,
        tiers=tiers or DEFAULT_TIERS,
        stated=bool(tiers),
    )


def _weights(playbook: Fields) -> dict[Part, int]:
    """A weight that is left out keeps its default."""
    fields = playbook.child("weights")
    found = {
        part: fields.integer(key, DEFAULT_WEIGHTS[part], minimum=0, maximum=FULL)
        for part, key in WEIGHT_FIELDS.items()
    }
    if not sum(found.values()):
        text = "all weights are 0; write at least one above 0"
        raise playbook.refuse("weights", text, Reason.INVALID_PLAYBOOK)
    return found


def _tier(item: Fields) -> Tier:
    return Tier(
        name=item.required_text("name", "P1"),
        begins=item.integer("from", 0, minimum=0, maximum=FULL),
        entry=item.choice("entry", Entry.REVIEW),
        owner=item.text("owner"),
        deadline=int(item.seconds("deadline", 0, MIN_DEADLINE, MAX_DEADLINE)),
        text=item.text("text"),
    )


def _check(fields: Fields, tiers: tuple[Tier, ...]) -> None:
    names, starts = [one.name for one in tiers], [one.begins for one in tiers]
    if len(set(names)) < len(names) or len(set(starts)) < len(starts):
        shown = ", ".join(f"{one.name} from {one.begins}" for one in tiers)
        text = f"{shown}: two tiers have the same name or begin at the same value; change one"
        raise fields.refuse("tiers", text, Reason.INVALID_PLAYBOOK)
    if starts[-1] != 0:
        text = f"the lowest tier {names[-1]} begins at {starts[-1]}; let it begin at 0"
        raise fields.refuse("tiers", text, Reason.INVALID_PLAYBOOK)
