"""`kubectl anomaly plan` in words: spec, training, children, SLO, incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_cli.verbs.differences import differences
from anomaly_cli.verbs.plan_world import Outlook, run_config, serving
from anomaly_cli.verbs.wording import count, ended, labelled
from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.resources import CONFIG_MAP
from anomaly_operator.incidents.settings import incident_settings
from detector_runtime.contract.codec import encode
from detector_runtime.contract.text import decimal

MAX_LINES = 24
_NOISE = ("metadata.annotations.", "metadata.labels.", ".annotations.", "ownerReferences")
"""Hashes and owners: they change with what is listed anyway."""
Lines = list[str]


def sections(old: Outlook | None, new: Outlook, spec: Lines) -> dict[str, Lines]:
    """What is to be said, by its label; empty where the change has no effect. `old` None: there is
    no such service that works. `spec`: what differs in the specs."""
    if old is not None and not spec and _same(old, new):
        return {}
    found = {"Spec": _cut(spec) or ["no difference"]}
    if new.refused:
        return {**found, "Refused": [ended(new.refused)]}
    found |= {
        "Training": list(_training(old, new)),
        "Children": _cut(list(_children(old, new))),
        "SLO": list(_slo(old, new)),
        "Incidents": list(_incidents(old, new)),
        "Alerts": list(_false(old, new)),
        "Warns": list(_warnings(old, new)),
    }
    return {label: lines for label, lines in found.items() if lines}


def report(new: Outlook, found: dict[str, Lines], width: int) -> Lines:
    """`found` as lines of at most `width` columns."""
    meta = new.service.meta
    out = [f"{meta.name} in namespace {meta.namespace}: nothing is applied by this command", ""]
    if not found:
        return [*out, "The spec is the same, and so is everything that comes of it."]
    for label, lines in found.items():
        out += labelled(label, lines, width)
    return out


def _same(old: Outlook, new: Outlook) -> bool:
    return (old.children, old.inputs, old.policy.slo) == (
        new.children,
        new.inputs,
        new.policy.slo,
    )


def _cut(lines: Lines) -> Lines:
    rest = len(lines) - MAX_LINES
    return lines if rest <= 0 else [*lines[:MAX_LINES], f"and {rest} more"]


def _training(old: Outlook | None, new: Outlook) -> Iterator[str]:
    if new.spec.training_run is not None:
        yield "No model is trained: the log of the training run is followed."
        return
    if old is None:
        yield "A first model is trained as soon as there is enough history."
        return
    stored = serving(old)
    model = stored.model
    if new.spec.suspend:
        yield "Suspended: nothing is trained and nothing is scored."
    elif model is None:
        yield "No model serves yet; the first one is trained for the new spec."
    elif old.inputs == new.inputs:
        yield f"No training: {model.revision} goes on serving."
    elif old.shape == new.shape:
        yield "Trains at once, because what a model learns from changes."
        yield f"Until the new model passes its checks {model.revision} goes on serving."
    else:
        yield "Trains at once, because metrics or step change."
        yield (
            f"{model.revision} goes on with the old metrics until the new model passes its checks; "
            "earlier revisions can no longer be pinned."
        )
    pin = new.spec.model_revision
    if pin and (model is None or model.revision != pin):
        known = {one.revision: one for one in stored.training.revisions}
        fits = pin in known and known[pin].shape in {"", new.shape}
        yield f"{pin} serves from then on." if fits else f"The pin {pin} names no fitting revision."


def _children(old: Outlook | None, new: Outlook) -> Iterator[str]:
    before = old.children if old else {}
    for key, manifest in new.children.items():
        kind, name = key
        if kind == CONFIG_MAP.kind:
            continue
        if key not in before:
            yield f"{kind} {name} is created."
        elif lines := _lines(before[key], manifest):
            yield f"{kind} {name}: {'; '.join(lines)}"
    for kind, name in before.keys() - new.children.keys():
        if kind != CONFIG_MAP.kind:
            yield f"{kind} {name} is no longer needed."
    yield from _configs(before, new.children)


def _configs(before: Mapping[tuple[str, str], Any], after: Mapping[tuple[str, str], Any]) -> Lines:
    """RunConfigs by what their pods do, as their names are hashes."""
    old, new = _by_run(before), _by_run(after)
    out = []
    for run, document in new.items():
        if run not in old:
            out.append(f"RunConfig to {run.lower()} is created.")
        elif changed := sorted(one for one in document if old[run].get(one) != document[one]):
            out.append(f"RunConfig to {run.lower()}: {', '.join(changed)} differ.")
    return out


def _by_run(children: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    found = (run_config(one) for (kind, _), one in children.items() if kind == CONFIG_MAP.kind)
    return {str(one.get("kind")): one for one in found}


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Lines:
    found = [line for line in differences(old, new) if not any(part in line for part in _NOISE)]
    return [line for line in found if ".configMap.name:" not in line and "-run-" not in line]


def _slo(old: Outlook | None, new: Outlook) -> Iterator[str]:
    """The thresholds that hold for the service, in seconds and ratios."""
    if new.policy.message:
        yield ended(new.policy.message)
    before, after = old.policy.slo if old else None, new.policy.slo
    if before == after:
        if after is not None:
            yield f"SLOPolicy {after.policy} applies as before."
    elif after is None:
        yield "No SLOPolicy applies: severity is at most High, and no breach opens an incident."
    else:
        yield f"SLOPolicy {after.policy} applies{'' if before else ', for the first time'}."
        if before is not None:
            yield from differences(encode(before), encode(after))
    if old is not None:
        names = [{one.name for one in side.policy.objectives} for side in (old, new)]
        for text, found in (("new", names[1] - names[0]), ("gone", names[0] - names[1])):
            if found:
                yield f"Objectives that are {text}: {', '.join(sorted(found))}."


def _incidents(old: Outlook | None, new: Outlook) -> Iterator[str]:
    def said(found: Outlook) -> str:
        plan, step = found.spec.incidents, found.spec.step_seconds
        rules = incident_settings("", "", step, plan)
        return (
            f"opens after {count(rules.confirmation_cycles, 'anomalous window')} "
            f"({format_seconds(rules.confirmation_cycles * step)}), closes after "
            f"{count(rules.grace_cycles, 'normal one')} "
            f"({format_seconds(rules.grace_cycles * step)})"
        )

    after = said(new)
    if old is None:
        yield f"An incident {after}."
    elif said(old) != after:
        yield f"An incident {after}; until now it {said(old)}."


def _false(old: Outlook | None, new: Outlook) -> Iterator[str]:
    """What is promised; only a replay can say what comes of it."""
    wanted = decimal(_tolerated(new))
    if old is None:
        yield f"{wanted} false incidents a week of severity Medium and above are tolerated."
        return
    stored = serving(old)
    expected = stored.model.expected_per_week if stored.model else ""
    observed = str((stored.raw.get("falseIncidents") or {}).get("observedPerWeek", ""))
    parts = [f"{decimal(_tolerated(old))} a week tolerated"]
    parts += [f"{expected} expected of the model"] if expected else []
    parts += [f"{observed} observed"] if observed else []
    yield f"Incidents now: {', '.join(parts)}. After the change {wanted} a week are tolerated."


def _tolerated(found: Outlook) -> float:
    spec = found.resolved.spec if found.resolved else found.spec
    return spec.detector.false_incidents_per_week


def _warnings(old: Outlook | None, new: Outlook) -> Iterator[str]:
    """Conditions that the change turns bad."""
    before = old.conditions if old else {}
    for kind, (status, reason, message) in new.conditions.items():
        changed = before.get(kind, ("", "", ""))[:2] != (status, reason)
        if changed and status == "False" and kind in {"Ready", "SLOMet", "DependenciesResolved"}:
            yield ended(f"{kind} False ({reason}): {message}")
