"""The PrometheusRules of an SLOPolicy: one object for each service, owned by the policy.

One for all services would outgrow what the API server stores, and would be rewritten whenever one
of them comes or goes. The kind belongs to the Prometheus operator and may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.api import names
from anomaly_operator.api.resources import POLICY, RULE
from anomaly_operator.manifests.burn_rules import group
from anomaly_operator.manifests.metadata import Component, Json, manifest, owner_reference
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.objectives import ObjectiveSpec


def rule_labels(policy: Meta) -> dict[str, str]:
    """What all PrometheusRules of the policy carry; they are found by it."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_COMPONENT: Component.RULES.value,
        names.LABEL_POLICY_UID: policy.uid,
    }


def prometheus_rule(
    policy: Meta,
    service: str,
    objectives: Sequence[ObjectiveSpec],
    labels: Mapping[str, str],
) -> Json:
    """The rules for one service; `objectives` have their placeholders but the window's filled in.
    `labels` are the user's, which never stand in the place of ours.
    """
    found = manifest(
        RULE,
        policy.namespace,
        names.prometheus_rule_name(policy.name, service),
        labels={**labels, **rule_labels(policy), names.LABEL_SERVICE: service},
        owners=[owner_reference(policy.name, policy.uid, controller=True, kind=POLICY.kind)],
    )
    found["spec"] = {
        "groups": [
            group(one, _series_labels(policy, service, one), f"{service}/{one.name}")
            for one in objectives
        ]
    }
    return found


def _series_labels(policy: Meta, service: str, objective: ObjectiveSpec) -> dict[str, str]:
    return {
        "namespace": policy.namespace,
        "service": service,
        "slo_policy": policy.name,
        "objective": objective.name,
    }
