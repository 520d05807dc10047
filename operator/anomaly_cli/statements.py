"""What a person says of an incident, as the change of its spec. Nothing here asks or writes.

The name in it is the one that the API server knows the user by, as an admission policy compares the
two. What somebody else has said is not overwritten unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Incident, Statement
from anomaly_cli.verbs.wording import moment
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.incidents.expected import DEFAULT_SECONDS, MAX_SECONDS
from anomaly_operator.incidents.state import Verdict

VERDICTS = {one.value.lower(): one for one in Verdict}
_MEANING = {
    Verdict.TRUE_POSITIVE: "training leaves its windows out",
    Verdict.FALSE_POSITIVE: "the incident closes, and its windows stay in training",
    Verdict.EXPECTED: "the incident closes, and its windows stay in training",
}


class SaidAlreadyError(Exception):
    """Somebody else has said something there; the message says who, what and when."""


class UnknownWordError(ValueError):
    """What was given is no verdict or no time; the message says what is."""


@dataclass(frozen=True, slots=True)
class Saying:
    """`spec`: merge patch of the spec, empty where that was said before. `told`: in words."""

    spec: Mapping[str, Mapping[str, str | None]]
    told: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """`user`: as the API server knows them; `overwrite`: also what others have said."""

    user: str
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says of an incident at `at`. `until`: unix seconds, 0 = not said."""

    verdict: Verdict
    at: int
    until: int = 0
    comment: str = ""


def judgement(verdict: str, until: str, comment: str, now: int, word: str = "--until") -> Judgement:
    """From what was typed; `word` is what the person knows the field `until` by. Raises
    UnknownWordError."""
    found = _verdict(verdict)
    return Judgement(found, now, _until(until, found, now, word), comment)


def acknowledged(one: Incident, who: Speaker, comment: str, now: float) -> Saying:
    """That the user handles the incident. Raises SaidAlreadyError."""
    before = one.acknowledgement
    if before and before.by == who.user and not comment:
        return Saying({}, f"{one.name} was acknowledged by you already")
    _spare(one, before, who, "acknowledged")
    said = {"by": who.user, "at": to_text(now), "comment": comment or None}
    return Saying({"acknowledgement": said}, f"{one.name} acknowledged as {who.user}")


def marked(one: Incident, who: Speaker, said: Judgement) -> Saying:
    """Whether the detector was right. Raises SaidAlreadyError."""
    _spare(one, one.feedback, who, "marked")
    document = {
        "verdict": said.verdict.value,
        "by": who.user,
        "at": to_text(said.at),
        "comment": said.comment or None,
        # A merge patch keeps what is not named, also that of an earlier verdict.
        "until": to_text(said.until) if said.until else None,
    }
    told = f"{one.name} marked {said.verdict.value} as {who.user}: {_MEANING[said.verdict]}"
    if said.verdict.normal:
        lasts = moment(said.until or said.at + DEFAULT_SECONDS)
        told = f"{told}; similar windows open no incident until {lasts}"
    return Saying({"feedback": document}, told)


def noted(one: Incident, who: Speaker, note: str, now: float) -> Saying:
    """Cause and remedy, for those who come after. Raises SaidAlreadyError."""
    _spare(one, one.note, who, "noted")
    said = {"note": note, "by": who.user, "at": to_text(now)}
    return Saying({"resolution": said}, f"note on {one.name} saved as {who.user}")


def _verdict(text: str) -> Verdict:
    found = VERDICTS.get(text.lower())
    if found is None:
        known = ", ".join(one.value for one in Verdict)
        raise UnknownWordError(f"{text!r} is no verdict; write {known}")
    return found


def _until(text: str, verdict: Verdict, now: int, word: str) -> int:
    """Unix seconds, 0 where nothing is given."""
    if not text:
        return 0
    if not verdict.normal:
        raise UnknownWordError(
            f"{word} goes with FalsePositive and Expected; {verdict.value} suppresses nothing"
        )
    try:
        found = now + int(parse_seconds(text))
    except ValueError:
        found = unix_seconds(text)
    if not found:
        raise UnknownWordError(
            f"{word} {text!r} is no time; write a duration such as 2h or 7d, or a time such as "
            f"{to_text(now + DEFAULT_SECONDS)}"
        )
    if not now < found <= now + MAX_SECONDS:
        raise UnknownWordError(
            f"{word} {text} is {moment(found)}; give a time in the future, at most "
            f"{format_seconds(MAX_SECONDS)} ahead"
        )
    return found


def _spare(one: Incident, before: Statement | None, who: Speaker, what: str) -> None:
    if before is None or who.overwrite or before.by in {"", who.user}:
        return
    verdict = f" {before.verdict}" if before.verdict else ""
    when = f" at {moment(before.at)}" if before.at else ""
    raise SaidAlreadyError(f"{one.name} was {what}{verdict} by {before.by}{when}")
