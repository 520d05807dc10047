"""How far the trouble of a service that is called explains that of its caller.

Three questions: did it begin in time, can trouble of its kind show as trouble of the caller's kind,
and is it large enough. Each gives a factor from 0 to 1; their product is the weight of the edge.
The constants are judgements, not fitted to data.
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
    match role:
        case Role.DEPENDENCY_LATENCY:
            return _sends(callee, Role.LATENCY)
        case Role.DATABASE_LATENCY:
            return _sends(callee, Role.LATENCY) if callee.is_store else 0.0
        case Role.LATENCY if side is Side.UP:
            return _through_calls(callee, caller) * _sends(callee, Role.LATENCY)
        case Role.LATENCY | Role.ERRORS:
            return _sends(callee, Role.ERRORS)
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


def _sends(callee: Suspect, wanted: Role) -> float:
    """How well the callee's evidence fits trouble of callers in `wanted` (Latency or Errors).

    More traffic, or less, is what callers do to a service, not what it does to them.
    """
    slow = sum(callee.share(role, Side.UP) for role in _SLOW_ROLES)
    failing = callee.share(Role.ERRORS, Side.UP, Side.DOWN) + callee.share(Role.LATENCY, Side.DOWN)
    other = callee.share(Role.CUSTOM, Side.UP, Side.DOWN)
    traffic = callee.share(Role.TRAFFIC, Side.UP, Side.DOWN)
    total = slow + failing + other + traffic
    if total <= 0:
        return CROSSED
    straight, crossed = (slow, failing) if wanted is Role.LATENCY else (failing, slow)
    # Half of the evidence is enough: a callee that is slow and fails sends both.
    fits = min(1.0, 2 * straight / total)
    turns = CROSSED * min(1.0, 2 * (crossed + other) / total)
    return max(fits, turns, OWN)
