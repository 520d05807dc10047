"""A change in words, and what the explanation of an incident says of the most telling one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from anomaly_operator.anomalies.changes.change import (
    TEXT_BYTES,
    Change,
    ChangeKind,
    Start,
    leading,
)
from anomaly_operator.api.text import cut, span_text
from anomaly_operator.spec.workload import WorkloadKind
from detector_runtime.contract.vocabulary import MAX_ACTIONS

SUMMARY_BYTES = 512
ACTION_BYTES = 320


def worded(changes: Sequence[Change], start: Start) -> tuple[Change, ...]:
    """Each with its text, relative to the start of the incident."""
    return tuple(replace(one, text=cut(_text(one, start), TEXT_BYTES)) for one in changes)


def explained(
    explanation: dict[str, Any], changes: Sequence[Change], start: Start
) -> dict[str, Any]:
    """`status.explanation` with the change that the incident began after, where there is one."""
    lead = leading(changes, start)
    if lead is None:
        return explanation
    summary = str(explanation.get("summary", "")).rstrip(".")
    sentence = f"It began {_relation(lead, start)} {_what(lead)} of {lead.workload}{_aside(lead)}."
    actions = [_action(lead), *explanation.get("recommendedActions", ())]
    return explanation | {
        "summary": cut(f"{summary}. {sentence}" if summary else sentence, SUMMARY_BYTES),
        "recommendedActions": [cut(one, ACTION_BYTES) for one in actions[:MAX_ACTIONS]],
    }


def _text(one: Change, start: Start) -> str:
    what = f"{_what(one)} of {one.workload}{_aside(one)}"
    if one.at >= start.end:
        return f"{_capital(what)}, {_minutes(one.at - start.begin)} after the start"
    if one.at >= start.begin:
        return f"{_capital(what)}, at the start"
    return f"{_capital(what)}, {_minutes(start.begin - one.at)} before the start"


def _relation(one: Change, start: Start) -> str:
    return "with" if one.at >= start.begin else f"{_minutes(start.begin - one.at)} after"


def _minutes(seconds: int) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else span_text(60 * minutes)


def _what(one: Change) -> str:
    match one.kind:
        case ChangeKind.ROLLOUT | ChangeKind.CONFIG:
            return f"rollout {one.subject}"
        case ChangeKind.RESTART:
            return f"a restart of container {one.subject}"
        case ChangeKind.OOM_KILLED:
            return f"an out-of-memory kill of container {one.subject}"
        case ChangeKind.SCALED:
            return "scaling"
        case ChangeKind.NODE:
            return f"trouble of node {one.subject}, which runs pods"


def _aside(one: Change) -> str:
    figures = f"{one.before} -> {one.after}" if one.before else one.after
    if figures:
        figures = f"image {figures}" if one.kind.deployed else f"{figures} replicas"
    inside = ", ".join(part for part in (figures, one.detail) if part)
    return f" ({inside})" if inside else ""


def _action(one: Change) -> str:
    kind, _, rest = one.workload.partition(" ")
    namespace, _, name = rest.partition("/")
    match one.kind:
        case ChangeKind.ROLLOUT | ChangeKind.CONFIG:
            undo = (
                f"kubectl argo rollouts undo {name}"
                if kind == WorkloadKind.ROLLOUT
                else f"kubectl rollout undo {kind.lower()}/{name}"
            )
            return f"Compare or undo rollout {one.subject} of {one.workload}: {undo} -n {namespace}"
        case ChangeKind.RESTART:
            return (
                f"Read the last log of container {one.subject} before its restart: kubectl logs "
                f"{kind.lower()}/{name} -c {one.subject} --previous -n {namespace}"
            )
        case ChangeKind.OOM_KILLED:
            return (
                f"Compare the memory limit of container {one.subject} of {one.workload} with its "
                "usage; raise the limit or find the leak"
            )
        case ChangeKind.SCALED:
            return f"Check that {one.after} replicas of {one.workload} are enough for the load"
        case ChangeKind.NODE:
            return f"Check node {one.subject}: kubectl describe node {one.subject}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
