"""`kubectl anomaly show`: an incident on one screen, for somebody who has just been woken.

In the order of the questions: what, how bad, since when, why, what changed, what has been said,
what to do first. What nobody has found out is left out. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from anomaly_cli.cluster_objects import Change, Incident, Other, Share, Statement
from anomaly_cli.verbs.wording import (
    ahead,
    bar,
    clock,
    count,
    ended,
    figure,
    labelled,
    moment,
    usual,
)
from anomaly_operator.api.text import span_text
from detector_runtime.contract.vocabulary import Severity, SLOStatus

MAX_SHARES = 5
MAX_SYMPTOMS = 8
MAX_EDGES = 5
MAX_ACTIONS = 3
MAX_ROWS = 3
_TIMES = re.compile(r"(\d[\d.]*x|\d+% of the lower end)(?: the upper end)? of its usual range$")
"""A distance from the usual range that stands right beside it."""
Lines = list[str]


def story(one: Incident, now: int, width: int) -> Lines:
    """The lines, at most `width` columns each but for what has to be copied. `now` in unix
    seconds."""
    out = [f"{one.name} in namespace {one.namespace}", ""]
    out += labelled(one.severity.value, standing(one, now), width)
    sections = (
        ("What", _what(one)),
        ("How bad", how_bad(one)),
        ("Votes", [ended(line) for line in one.votes]),
        ("Run", [ended(f"{label}: {said}") for label, said in one.run]),
        ("Now", current(one, now)),
        ("Cause", _cause(one)),
        ("Changed", _changed(one)),
        ("Metrics", _metrics(one.shares)),
        ("Looked up", _tables(one)),
        ("Priority", _priority(one, now)),
        ("Said", _said(one, now)),
        ("Told", [one.notified] if one.notified else []),
        ("Learning", [one.excluded] if one.excluded and one.feedback else []),
        ("History", _history(one, now)),
        ("Next", _next(one)),
    )
    for label, lines in sections:
        out += labelled(label, lines, width)
    return [*out, "", *_commands(one)]


def standing(one: Incident, now: int) -> Lines:
    """Which pattern of which service, and since when in which state."""
    since = moment(one.since) if one.since else "an unknown time"
    windows = f"{count(one.occurrences, 'anomalous window')}"
    last = f", the last one ended {clock(one.last_seen, now)}" if one.last_seen else ""
    again = " It was reopened." if one.reopened_at else ""
    if one.running:
        state = f"{one.state} for {span_text(now - one.since)}, since {since}"
    else:
        lasted = f" and lasted {one.duration}" if one.duration else ""
        reason = f" ({one.resolution})" if one.resolution else ""
        state = f"Closed{reason} {ahead(one.closed_at, now)}; it began {since}{lasted}"
    return [f"{one.service}: {one.pattern}", f"{state}. {windows}{last}.{again}"]


def _what(one: Incident) -> Lines:
    return [ended(line) for line in (one.summary, one.impact) if line]


def how_bad(one: Incident) -> Lines:
    """Severity, SLO and confidence in a sentence, and why they are what they are."""
    parts = [f"Severity {one.severity.value}"]
    if one.model_severity:
        parts.append(f"by the model alone {one.model_severity}")
    if one.slo is SLOStatus.UNKNOWN:
        parts.append("no SLO was evaluated")
    else:
        near = f" ({one.proximity}x the critical threshold)" if one.proximity else ""
        parts.append(f"SLO {one.slo.value}{near}")
    if one.impact_level:
        parts.append(f"operational impact {one.impact_level}")
    if one.confidence:
        parts.append(f"confidence {one.confidence}")
    if one.score:
        parts.append(f"score {one.score} of 10")
    return [ended(", ".join(parts)), *_why(one)]


def _why(one: Incident) -> Lines:
    """What the SLO says of the figures, and why the severity is not the model's."""
    return [ended(line) for line in (one.slo_explanation, one.adjustment) if line]


def current(one: Incident, now: int) -> Lines:
    """Only where it is another than the worst, which is told above."""
    if not one.running or not one.now_summary or one.now_summary == one.summary:
        return []
    back = one.now_severity == Severity.NONE.value
    what = "" if back or not one.now_severity else f"{one.now_severity} at "
    when = f"{clock(one.now_at, now)}: " if one.now_at else ""
    return [ended(f"{what}{when}{one.now_summary}")]


def _cause(one: Incident) -> Lines:
    out = []
    root = one.root
    if root and root.service and (root.service != one.service or root.namespace not in _own(one)):
        sure = f", confidence {root.confidence}" if root.confidence else ""
        path = f", along {' > '.join(root.path)}" if len(root.path) > 1 else ""
        out.append(f"{_name(root, one)}{sure}{path}.")
        if root.anomaly:
            where = root.namespace or one.namespace
            out.append(f"Look there first: kubectl anomaly show {root.anomaly} -n {where}")
    elif root or one.symptom_count:
        out.append(f"{one.service} itself: no service that it depends on explains it.")
    if one.symptom_count:
        shown = [_symptom(other, one) for other in one.symptoms[:MAX_SYMPTOMS]]
        rest = one.symptom_count - len(shown)
        more = f" and {rest} more" if rest > 0 else ""
        out.append(f"Also affected: {', '.join(shown)}{more}.")
    return out


def _own(one: Incident) -> tuple[str, str]:
    return "", one.namespace


def _name(other: Other, one: Incident) -> str:
    foreign = other.namespace not in _own(one)
    return f"{other.namespace}/{other.service}" if foreign else other.service


def _symptom(other: Other, one: Incident) -> str:
    severity = f" ({other.severity})" if other.severity else ""
    return f"{_name(other, one)}{severity}"


def _changed(one: Incident) -> Lines:
    lines = [change_line(change, one.since) for change in one.changes]
    return [*lines, *([ended(one.change_lookup)] if one.change_lookup else [])]


def change_line(change: Change, since: int) -> str:
    """A change in words, with its distance from `since`."""
    if change.text:
        return ended(change.text)
    away = since - change.at
    if change.at and since:
        when = f"{span_text(abs(away))} {'before the start' if away >= 0 else 'after the start'}"
    else:
        when = "at an unknown time"
    said = " ".join(part for part in (change.kind, change.workload) if part)
    versions = f" ({change.before} -> {change.after})" if change.before or change.after else ""
    return ended(f"{when}: {said}{versions}")


def _metrics(shares: tuple[Share, ...]) -> Lines:
    shown = shares[:MAX_SHARES]
    names = max((len(one.metric) for one in shown), default=0)
    return [
        f"{one.metric.ljust(names)}  {bar(one.share)} {one.share:>4.0%}  {_figures(one)}"
        for one in shown
    ]


def _figures(one: Share) -> str:
    """`222 ms (3.9x), usually 43.1 to 57.1 ms`."""
    times = _TIMES.match(one.deviation)
    value = figure(one.value, one.unit) + (f" ({times[1]})" if times else "")
    parts = (value, usual(one.low, one.high, one.unit), "" if times else one.deviation)
    return ", ".join(part for part in parts if part)


def _tables(one: Incident) -> Lines:
    out = []
    for table in one.tables:
        rows = ", ".join(f"{label} {value}".strip() for label, value in table.rows[:MAX_ROWS])
        out.append(f"{table.name}: {rows or table.note or 'nothing'}")
    return out


def _priority(one: Incident, now: int) -> Lines:
    found = one.priority
    if found.value < 0:
        return []
    tier = f", tier {found.tier}" if found.tier else ""
    owner = f", owner {found.owner}" if found.owner else ""
    parts = " + ".join(f"{name} {points}" for name, points in found.parts)
    out = [f"{found.value} of 100{tier}{owner}{f' = {parts}' if parts else ''}."]
    if found.deadline:
        missed = " The deadline was missed." if found.missed else ""
        out.append(f"Deadline {clock(found.deadline, now)}, {ahead(found.deadline, now)}.{missed}")
    if one.containment:
        out.append(f"Containment: {one.containment}.")
    return out


def _said(one: Incident, now: int) -> Lines:
    out = []
    if one.feedback:
        until = f", valid until {moment(one.feedback.until)}" if one.feedback.until else ""
        out.append(_statement(f"Marked {one.feedback.verdict}", one.feedback, now, until))
    if one.acknowledgement:
        out.append(_statement("Acknowledged", one.acknowledgement, now))
    if one.note:
        out.append(_statement("Resolution noted", one.note, now))
    return out or (["Nobody has acknowledged it."] if one.running else [])


def _statement(what: str, said: Statement, now: int, more: str = "") -> str:
    by = f" by {said.by}" if said.by else ""
    when = f" at {clock(said.at, now)}" if said.at else ""
    comment = f": {said.comment}" if said.comment else ""
    return ended(f"{what}{by}{when}{more}{comment}")


def _history(one: Incident, now: int) -> Lines:
    """The newest edges; the older ones stand in the object."""
    out = []
    for at, what, who, why in one.history[-MAX_EDGES:]:
        when = f"{clock(at, now)}  " if at else ""
        by = f" by {who}" if who else ""
        out.append(f"{when}{what}{by}{f': {why}' if why else ''}")
    return out


def _next(one: Incident) -> Lines:
    return [f"{number}. {step}" for number, step in enumerate(next_steps(one), 1)]


def next_steps(one: Incident) -> Lines:
    """What to do, the first thing first; nothing for an incident that is closed."""
    if not one.running:
        return []
    steps = dict.fromkeys(ended(step) for step in _steps(one) if step)
    return [*steps][:MAX_ACTIONS]


def _steps(one: Incident) -> Iterator[str]:
    yield one.priority.next_step
    yield from one.actions


def _commands(one: Incident) -> Lines:
    """What can be said of it, ready to be copied."""
    place = f"{one.name} -n {one.namespace}"
    answer = f"  kubectl anomaly feedback {place} TruePositive|FalsePositive|Expected"
    if one.feedback:
        return [f"  kubectl anomaly explain {one.service} -n {one.namespace}"]
    if one.acknowledgement or not one.running:
        return [answer]
    return [f"  kubectl anomaly ack {place}", answer]
