"""How far the trouble of a service that is called explains that of its caller.

Four questions: did it begin in time, can trouble of its kind show as trouble of the caller's kind,
is it large enough, and does it add enough. Each gives a factor from 0 to 1; their product is the
weight of the edge. The constants are judgements, measured in `tests/benchmarks/rootcause`.
"""

from __future__ import annotations

from anomaly_operator.incidents.cascade.suspect import Side, Suspect
from detector_runtime.contract.vocabulary import Role

CERTAIN = 0.95
"""Weight of an edge on which everything fits. An edge of `dependsOn` says who calls, not why."""
TOLERANCE_WINDOWS = 2
"""Windows that a cause may be found later than its effect: a window or two pass before a smoothed
score crosses its level, and the caller's may be the more sensitive one."""
OLD_SECONDS = 3600
"""A cause that began longer ago than this has been there without this effect."""
OLD = 0.5
ENOUGH_SCORE = 0.7
"""A cause whose score is at least this share of its effect's is large enough."""
CALLS = 3.0
"""Calls a request, where the rates are not known."""
ENOUGH_AMOUNT = 0.7
"""A cause that adds this share of its effect's excess is large enough."""
QUIET_CALLS = 0.3
"""A caller that measures its calls and finds them normal is hardly slow because of them."""
CROSSED = 0.7
"""Timeouts turn slow answers into errors, retries turn errors into slow answers."""
OWN = 0.1
"""What only seldom comes from a service that is called: saturation, a surge of requests."""
_SLOW_ROLES = (Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY, Role.SATURATION)


def transmission(callee: Suspect, caller: Suspect) -> float:
    """Weight of the edge, 0 (the callee explains nothing) to CERTAIN."""
    timely = _timely(callee, caller)
    if timely == 0:
        return 0.0
    return CERTAIN * timely * _kind(callee, caller) * _size(callee, caller)


def _timely(callee: Suspect, caller: Suspect) -> float:
    lead = caller.first_seen - callee.first_seen
    tolerance = TOLERANCE_WINDOWS * max(callee.step_seconds, caller.step_seconds)
    if lead < -tolerance:
        return 0.0
    return OLD if lead > OLD_SECONDS else 1.0


def _size(callee: Suspect, caller: Suspect) -> float:
    if not callee.score or not caller.score:
        return 1.0
    return min(1.0, callee.score / caller.score / ENOUGH_SCORE)


def _amount(callee: Suspect, caller: Suspect, effect: Role) -> float:
    """How much of the caller's excess in `effect` comes in at the callee, at most 1.

    Compared is the sum over all requests of each: what a callee adds that is seldom called is
    little for its caller. Where the rates are not known, it is taken for called CALLS times.
    """
    causes = (Role.ERRORS,) if effect is Role.ERRORS else _SLOW_ROLES
    wanted, added = caller.excess(effect), callee.excess(*causes)
    if not wanted or wanted <= 0 or added is None:
        return 1.0
    calls = callee.rate / caller.rate if callee.rate and caller.rate else CALLS
    return min(1.0, added * calls / wanted / ENOUGH_AMOUNT)


def _kind(callee: Suspect, caller: Suspect) -> float:
    """The share of the caller's evidence that trouble of the callee's kind can explain.

    Traffic that falls or any metric inside its range says nothing of where the trouble comes from.
    """
    asked = [one for one in caller.evidence if _asks(one.role, one.side)]
    total = sum(one.share for one in asked)
    if total <= 0:
        return _sends(callee, Role.LATENCY)
    explained = sum(one.share * _explains(callee, caller, one.role, one.side) for one in asked)
    return explained / total


def _asks(role: Role, side: Side) -> bool:
    if role is Role.TRAFFIC:
        return side is Side.UP
    return side is not Side.INSIDE


def _explains(callee: Suspect, caller: Suspect, role: Role, side: Side) -> float:
    amount = _amount(callee, caller, role) if side is Side.UP else 1.0
    match role:
        case Role.DEPENDENCY_LATENCY:
            return _sends(callee, Role.LATENCY, amount)
        case Role.DATABASE_LATENCY:
            return _sends(callee, Role.LATENCY, amount) if callee.is_store else 0.0
        case Role.LATENCY if side is Side.UP:
            return _through_calls(callee, caller) * _sends(callee, Role.LATENCY, amount)
        case Role.LATENCY | Role.ERRORS:
            return _sends(callee, Role.ERRORS, amount)
        case Role.CUSTOM:
            return _sends(callee, Role.LATENCY)
        case _:
            return OWN


def _through_calls(callee: Suspect, caller: Suspect) -> float:
    """How far the caller's latency comes from calls to the callee, by what it measures of them."""
    sides = (Side.UP,)
    dependencies = caller.share(Role.DEPENDENCY_LATENCY, *sides)
    database = caller.share(Role.DATABASE_LATENCY, *sides)
    ours = dependencies + (database if callee.is_store else 0.0)
    if dependencies + database > 0:
        return ours / (dependencies + database)
    return QUIET_CALLS if Role.DEPENDENCY_LATENCY in caller.measures else 1.0


def _sends(callee: Suspect, wanted: Role, amount: float = 1.0) -> float:
    """How well the callee's evidence fits trouble of callers in `wanted` (Latency or Errors).

    `amount`: whether there is enough of it, where it is of the same kind. More traffic, or less, is
    what callers do to a service, not what it does to them.
    """
    slow = sum(callee.share(role, Side.UP) for role in _SLOW_ROLES)
    failing = callee.share(Role.ERRORS, Side.UP, Side.DOWN) + callee.share(Role.LATENCY, Side.DOWN)
    other = callee.share(Role.CUSTOM, Side.UP, Side.DOWN)
    traffic = callee.share(Role.TRAFFIC, Side.UP, Side.DOWN)
    total = slow + failing + other + traffic
    if total <= 0:
        return OWN if callee.evidence else CROSSED
    straight, crossed = (slow, failing) if wanted is Role.LATENCY else (failing, slow)
    # Half of the evidence is enough: a callee that is slow and fails sends both.
    fits = amount * min(1.0, 2 * straight / total)
    turns = CROSSED * min(1.0, 2 * (crossed + other) / total)
    return max(fits, turns, OWN)
