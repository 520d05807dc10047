"""`kubectl-anomaly recalibrate`: weights of the priority from past feedback, as a diff."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from anomaly_cli import console
from anomaly_cli.connection import connect
from anomaly_cli.object_files import objects_in
from anomaly_cli.recalibration.fit import MIN_EACH, MIN_JUDGED, Example, Proposal, propose
from anomaly_cli.recalibration.judged import Judged, judged, written
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.incidents.priority import Part, scaled

NOTHING_PROPOSED = 3
UNNAMED = "POLICY"
"""Name of the policy in a diff of which none is known."""

Raw = Mapping[str, Any]
_RESOURCES = (ANOMALY, SERVICE, POLICY)


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError, ClusterError, OSError."""
    found = judged(_objects(given), given.policy)
    count, confirmed = len(found.examples), found.confirmed
    if count < MIN_JUDGED or min(confirmed, count - confirmed) < MIN_EACH:
        console.tell(
            f"{confirmed} confirmed and {count - confirmed} dismissed incidents with a priority; "
            f"needs {MIN_JUDGED} in all and {MIN_EACH} of each. Judge more incidents with "
            "`kubectl anomaly feedback NAME TruePositive` or FalsePositive."
        )
        return NOTHING_PROPOSED
    proposal = propose(found.examples, found.weights)
    for line in evidence(found, proposal):
        print(line, file=sys.stderr)
    if not proposal.better or proposal.weights == scaled(found.weights):
        console.tell("no other weights rank these incidents better; keep those in force")
        return NOTHING_PROPOSED
    sys.stdout.writelines(difference(found, proposal))
    return 0


def _objects(given: argparse.Namespace) -> list[Raw]:
    if given.data:
        return list(objects_in(given.data, frozenset(one.kind for one in _RESOURCES)))
    with connect(given.context, given.namespace, given.kubeconfig) as cluster:
        return [
            {"kind": resource.kind, **one}
            for resource in _RESOURCES
            for one in cluster.list(resource)
        ]


def evidence(found: Judged, proposal: Proposal) -> Iterator[str]:
    """What speaks for the proposal, line by line."""
    count, confirmed = len(found.examples), found.confirmed
    yield (
        f"{count} judged incidents: {confirmed} TruePositive, {count - confirmed} FalsePositive."
    )
    yield (
        "A confirmed incident has the higher priority than a dismissed one in "
        f"{proposal.now:.0%} of pairs now and in {proposal.then:.0%} with weights like these, "
        "measured on incidents that the fit had not seen."
    )
    yield f"{'part':<11} {'confirmed':>9} {'dismissed':>9} {'weight':>6} {'proposed':>8}"
    now = scaled(found.weights)
    for part in Part:
        means = (_mean(found.examples, part, said) for said in (True, False))
        shown = [f"{'-' if one is None else format(one, '.0%'):>9}" for one in means]
        yield f"{part.value:<11} {' '.join(shown)} {now[part]:>6} {proposal.weights[part]:>8}"
    yield "confirmed, dismissed: mean share of the points that the part can have."


def _mean(examples: Sequence[Example], part: Part, confirmed: bool) -> float | None:
    known = [
        one.levels[part] for one in examples if one.confirmed is confirmed and part in one.levels
    ]
    return sum(known) / len(known) if known else None


def difference(found: Judged, proposal: Proposal) -> Iterator[str]:
    """A unified diff of the manifest."""
    before = _manifest(found, written(found.weights) if _has_weights(found) else None)
    after = _manifest(found, written(proposal.weights))
    name = found.policy["metadata"]["name"] if found.policy else UNNAMED
    yield from difflib.unified_diff(
        before, after, f"{POLICY.kind} {name}, in force", f"{POLICY.kind} {name}, proposed"
    )


def _has_weights(found: Judged) -> bool:
    spec = found.policy.get("spec") if found.policy else None
    return bool(((spec or {}).get("playbook") or {}).get("weights"))


def _manifest(found: Judged, weights: Mapping[str, int] | None) -> list[str]:
    policy: Raw = found.policy or {"metadata": {"name": UNNAMED}}
    metadata = {
        key: policy["metadata"][key] for key in ("name", "namespace") if key in policy["metadata"]
    }
    spec = dict(policy.get("spec") or {})
    playbook = dict(spec.get("playbook") or {})
    if weights is not None:
        playbook["weights"] = dict(weights)
        spec["playbook"] = playbook
    document = {
        "apiVersion": API_VERSION,
        "kind": POLICY.kind,
        "metadata": metadata,
        "spec": spec,
    }
    text = yaml.safe_dump(document, sort_keys=False, width=100)
    return text.splitlines(keepends=True)
