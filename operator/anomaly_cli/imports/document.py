"""SLOPolicies as YAML: what `kubectl apply` takes, checked by the operator's own reader."""

from __future__ import annotations

from typing import Any

import yaml

from anomaly_cli.imports import promql
from anomaly_cli.imports.manifest import ManifestError
from anomaly_cli.imports.objective import Objective, Policy, Reading
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import POLICY
from anomaly_operator.spec.policy_parse import parse_policy
from detector_runtime.contract.objectives import MAX_OBJECTIVES, ObjectiveType

Json = dict[str, Any]

_PAGE, _TICKET = ("pageFast", "pageSlow"), ("ticketFast", "ticketSlow")


_WIDTH = 4096
"""A query stays on one line, where it can be found and copied."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that a query stays readable."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def merged(policies: list[Policy], name: str = "") -> list[Policy]:
    """One policy for each name and namespace, as a service has one policy at a time; with `name`
    one policy of that name in each namespace.
    """
    found: dict[tuple[str, str], Policy] = {}
    for one in policies:
        key = (one.namespace, name or one.name)
        known = found.get(key)
        before = known.objectives if known else ()
        service = one.service if known is None or known.service == one.service else ""
        found[key] = Policy(key[1], one.namespace, service, (*before, *one.objectives))
    return list(found.values())


def manifest(policy: Policy, reading: Reading) -> Json | None:
    """The SLOPolicy; None where nothing of it is usable. An objective that the operator would
    refuse, or that is one too many, is left out and reported.
    """
    objectives: list[Json] = []
    for one in policy.objectives:
        written = _objective(one, {item["name"] for item in objectives})
        where = f"objective {one.name} of SLOPolicy {policy.name}"
        spec, problems = parse_policy({"objectives": [written]})
        if spec is None:
            reading.fail(where, ManifestError("; ".join(str(problem) for problem in problems)))
        elif len(objectives) == MAX_OBJECTIVES:
            text = f"a policy holds at most {MAX_OBJECTIVES} objectives; give fewer manifests"
            reading.fail(where, ManifestError(text))
        else:
            objectives.append(written)
    if not objectives:
        return None
    metadata = {"name": policy.name}
    if policy.namespace:
        metadata["namespace"] = policy.namespace
    return {
        "apiVersion": API_VERSION,
        "kind": POLICY.kind,
        "metadata": metadata,
        "spec": {"objectives": objectives},
    }


def text(policy: Policy, document: Json) -> str:
    """One document with a comment that says which service is to name the policy."""
    service = f"AnomalyService {policy.service}" if policy.service else "the AnomalyService"
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    use = f"# In {service}, in the same namespace: spec.sloPolicyRef: {{name: {policy.name}}}"
    return f"---\n{use}\n{body}"


def _objective(one: Objective, taken: set[str]) -> Json:
    found: Json = {
        "name": _unique(one.name, taken),
        "type": _type(one).value,
        "target": f"{one.target:f}%",
        "window": f"{one.days}d",
        "indicator": _indicator(one),
    }
    off = (*(() if one.page else _PAGE), *(() if one.ticket else _TICKET))
    if off:
        found["tiers"] = {tier: {"enabled": False} for tier in off}
    return found


def _indicator(one: Objective) -> Json:
    if "errorRatio" in one.indicator:
        return dict(one.indicator)
    queries = dict(one.indicator)
    if "errors" in queries:
        queries["errors"] = promql.zero_without_series(queries["errors"])
    return {"ratio": queries}


def _type(one: Objective) -> ObjectiveType:
    """Slow requests are counted by the buckets of a histogram, or the name says it."""
    slow = "latency" in one.name.lower() or any("_bucket" in one for one in one.indicator.values())
    return ObjectiveType.LATENCY if slow else ObjectiveType.AVAILABILITY


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
