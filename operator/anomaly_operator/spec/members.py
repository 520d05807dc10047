"""`spec.detector.members` and `spec.detector.vote`: which detectors make up the model.

Absent, or `Auto` alone, the engine chooses its own set and the parsed spec is empty, so that
nothing that is made of it changes.
"""

from __future__ import annotations

from anomaly_operator.api.fields import Fields
from detector_runtime.contract.members import (
    MAJORITY,
    MAX_MEMBERS,
    SEVERAL_METRICS_NEEDED,
    MemberName,
    MemberSpec,
    MemberWeight,
    VoteRule,
    VoteSpec,
)

AUTO = "Auto"
MAX_REFERENCES = 10_000
MAX_TREES = 500
MAX_NEIGHBOURS = 100


def parse_members(fields: Fields) -> tuple[MemberSpec, ...]:
    """`fields` of the detector; empty for Auto."""
    items = list(fields.items("members"))
    names = [item.text("name") for item in items]
    if names == [AUTO]:
        return ()
    if AUTO in names:
        text = f"{AUTO} chooses the members itself; write it alone, or name the members without it"
        raise fields.refuse("members", text)
    if len(items) > MAX_MEMBERS:
        raise fields.refuse("members", f"lists {len(items)} members, at most {MAX_MEMBERS}")
    members = tuple(_member(item) for item in items)
    for one in members:
        if names.count(one.name) > 1:
            raise fields.refuse("members", f"{one.name} is listed twice; remove one")
    return members


def parse_vote(fields: Fields, members: tuple[MemberSpec, ...]) -> VoteSpec:
    """`fields` of the detector; a vote needs members that are named."""
    if not fields.has("vote"):
        return MAJORITY
    vote = fields.child("vote")
    if not members:
        text = f"counts only with a list of members, and members is {AUTO}; name the members"
        raise fields.refuse("vote", text)
    rule = vote.choice("rule", VoteRule.MAJORITY)
    weighted = rule is VoteRule.WEIGHTED
    for key in ("weights", "threshold"):
        if vote.has(key) and not weighted:
            raise vote.refuse(key, f"counts only with rule Weighted, and rule is {rule}; remove it")
    share = vote.share("threshold")
    if share is not None and not 0 < share <= 1:
        raise vote.refuse("threshold", f"{share:.0%} is not above 0% and at most 100%")
    return VoteSpec(
        rule,
        _weights(vote.child("weights"), members),
        VoteSpec().threshold if share is None else share,
    )


def too_few_metrics(members: tuple[MemberSpec, ...], metrics: int) -> str:
    """What to say where every member reads several metrics together and there is one; or empty."""
    together = [one.name for one in members if one.name in SEVERAL_METRICS_NEEDED]
    if metrics != 1 or not members or len(together) < len(members):
        return ""
    shown = ", ".join(together)
    return f"{shown} compare several metrics and the service has one; add another member"


def _member(item: Fields) -> MemberSpec:
    if not item.has("name"):
        raise item.refuse("name", "is missing; write a detector such as ZScore")
    name = item.choice("name", MemberName.Z_SCORE)
    own = _PARAMETERS.get(name, frozenset())
    for key in sorted(item.keys() - own - {"name"}):
        raise item.refuse(key, f"is no parameter of {name}; remove it")
    base = MemberSpec(name)
    share, threshold = item.share("contamination"), item.decimal("threshold")
    if share is not None and not 0 < share <= 0.5:
        raise item.refuse("contamination", f"{share:.4%} is not above 0% and at most 50%")
    if threshold is not None and not threshold > 0:
        raise item.refuse("threshold", f"{threshold:g} is not above 0; write one such as 3")
    neighbours = item.integer("neighbours", base.neighbours, 1, MAX_NEIGHBOURS)
    references = item.integer("references", base.references, 100, MAX_REFERENCES)
    if references < 5 * neighbours:
        text = f"{references} is too few for {neighbours} neighbours; keep at least five times many"
        raise item.refuse("references", text)
    return MemberSpec(
        name,
        trees=item.integer("trees", base.trees, 10, MAX_TREES),
        contamination=base.contamination if share is None else share,
        neighbours=neighbours,
        references=references,
        threshold=base.threshold if threshold is None else threshold,
    )


_PARAMETERS = {
    MemberName.ISOLATION_FOREST: frozenset({"trees", "contamination"}),
    MemberName.LOCAL_OUTLIER_FACTOR: frozenset({"neighbours", "contamination", "references"}),
    MemberName.Z_SCORE: frozenset({"threshold"}),
}


def _weights(fields: Fields, members: tuple[MemberSpec, ...]) -> tuple[MemberWeight, ...]:
    known = {one.name.value: one.name for one in members}
    found = []
    for key in sorted(fields.keys()):
        if key not in known:
            text = f"is no member; the members are {', '.join(known)}"
            raise fields.refuse(key, text)
        weight = fields.decimal(key)
        if weight is None or not 0 < weight <= 100:
            raise fields.refuse(key, "is not a weight above 0 and at most 100")
        found.append(MemberWeight(known[key], weight))
    return tuple(found)
