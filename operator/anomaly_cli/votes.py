"""How the detectors of a service voted in a window, in sentences. Pure, and never failing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SIDES = (("Anomalous", "for"), ("Normal", "against"), ("Inconclusive", "without a value"))


def votes_lines(votes: Mapping[str, Any]) -> tuple[str, ...]:
    """`votes` of an Anomaly's status or of a window's report; empty where there are none."""
    count, members, rule = (votes.get(key) for key in ("votes", "members", "rule"))
    if not isinstance(count, int) or not isinstance(members, int):
        return ()
    listed = votes.get("verdicts")
    verdicts = (
        [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    )
    sides = []
    for verdict, side in _SIDES:
        named = [_named(one) for one in verdicts if one.get("verdict") == verdict]
        if named:
            sides.append(f"{side}: {', '.join(named)}")
    shown = f"{count} of {members} members call it anomalous, the rule is {rule}"
    return (shown, _sentence("; ".join(sides))) if sides else (shown,)


def _named(verdict: Mapping[str, Any]) -> str:
    score = verdict.get("score")
    return f"{verdict.get('member')} {score}" if score else str(verdict.get("member"))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
