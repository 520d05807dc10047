"""`kubectl anomaly ack` and `feedback`: what a person says of an incident.

The name in it is the one that the API server knows the user by, as an admission policy compares the
two. What somebody else has said is not overwritten unless that is asked for.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from anomaly_cli import console
from anomaly_cli.cluster_objects import Incident, Statement
from anomaly_cli.cluster_reading import incident
from anomaly_cli.connection import Cluster, ClusterError
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_cli.verbs.wording import moment
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.incidents.expected import DEFAULT_SECONDS, MAX_SECONDS
from anomaly_operator.incidents.state import Verdict

VERDICTS = {one.value.lower(): one for one in Verdict}
_MEANING = {
    Verdict.TRUE_POSITIVE: "training leaves its windows out",
    Verdict.FALSE_POSITIVE: "the incident closes, and its windows stay in training",
    Verdict.EXPECTED: "the incident closes, and its windows stay in training",
}


def acknowledge(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        told = acknowledged(
            cluster, bare(given.name), given.comment, time.time(), overwrite=given.overwrite
        )
    console.say([told])
    return 0


def acknowledged(
    cluster: Cluster, name: str, comment: str, now: float, *, overwrite: bool = False
) -> str:
    """Acknowledge an Anomaly as the user of `cluster`; the sentence about it. Raises
    ClusterError."""
    one = incident(cluster.get(ANOMALY, name))
    user = cluster.user()
    before = one.acknowledgement
    if before and before.by == user and not comment:
        return f"{one.name} was acknowledged by you already"
    _spare(one, before, user, "acknowledged", overwrite=overwrite)
    said = {"by": user, "at": to_text(now), "comment": comment or None}
    _say(cluster, one, {"acknowledgement": said})
    return f"{one.name} acknowledged as {user}"


def feedback(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, ClusterError."""
    said = judgement(given.verdict, given.until, given.comment, int(time.time()))
    with cluster_of(given) as cluster:
        told = marked(cluster, bare(given.name), said, overwrite=given.overwrite)
    console.say([told])
    return 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says of an incident at `at`. `until`: unix seconds, 0 = not said."""

    verdict: Verdict
    at: int
    until: int = 0
    comment: str = ""


def judgement(verdict: str, until: str, comment: str, now: int) -> Judgement:
    """From what was typed. Raises ArgumentError."""
    found = _verdict(verdict)
    return Judgement(found, now, _until(until, found, now), comment)


def marked(cluster: Cluster, name: str, said: Judgement, *, overwrite: bool = False) -> str:
    """Give feedback on an Anomaly as the user of `cluster`; the sentence about it. Raises
    ClusterError."""
    one = incident(cluster.get(ANOMALY, name))
    user = cluster.user()
    _spare(one, one.feedback, user, "marked", overwrite=overwrite)
    document = {
        "verdict": said.verdict.value,
        "by": user,
        "at": to_text(said.at),
        "comment": said.comment or None,
        # A merge patch keeps what is not named, also that of an earlier verdict.
        "until": to_text(said.until) if said.until else None,
    }
    _say(cluster, one, {"feedback": document})
    told = f"{one.name} marked {said.verdict.value} as {user}: {_MEANING[said.verdict]}"
    if not said.verdict.normal:
        return told
    lasts = moment(said.until or said.at + DEFAULT_SECONDS)
    return f"{told}; similar windows open no incident until {lasts}"


def _say(cluster: Cluster, one: Incident, spec: dict[str, dict[str, str | None]]) -> None:
    cluster.patch(ANOMALY, one.name, {"spec": spec}, one.namespace)


def _spare(
    one: Incident, before: Statement | None, user: str, what: str, *, overwrite: bool
) -> None:
    """Raises ClusterError for words of somebody else."""
    if before is None or overwrite or before.by in {"", user}:
        return
    verdict = f" {before.verdict}" if before.verdict else ""
    when = f" at {moment(before.at)}" if before.at else ""
    raise ClusterError(
        f"{one.name} was {what}{verdict} by {before.by}{when}; --overwrite replaces that"
    )


def _verdict(text: str) -> Verdict:
    found = VERDICTS.get(text.lower())
    if found is None:
        known = ", ".join(one.value for one in Verdict)
        raise ArgumentError(f"{text!r} is no verdict; write {known}")
    return found


def _until(text: str, verdict: Verdict, now: int) -> int:
    """Unix seconds, 0 where nothing is given. Raises ArgumentError."""
    if not text:
        return 0
    if not verdict.normal:
        raise ArgumentError(
            f"--until goes with FalsePositive and Expected; {verdict.value} suppresses nothing"
        )
    try:
        found = now + int(parse_seconds(text))
    except ValueError:
        found = unix_seconds(text)
    if not found:
        raise ArgumentError(
            f"--until {text!r} is no time; write a duration such as 2h or 7d, or a time such as "
            f"{to_text(now + DEFAULT_SECONDS)}"
        )
    if not now < found <= now + MAX_SECONDS:
        raise ArgumentError(
            f"--until {text} is {moment(found)}; give a time in the future, at most "
            f"{format_seconds(MAX_SECONDS)} ahead"
        )
    return found
