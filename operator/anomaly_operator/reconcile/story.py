"""The parts of an incident's story that need more than its own windows, in the order they are told.

A later part may build on what an earlier one found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.anomalies.changes.part import ChangeTerms, changes_part, kept
from anomaly_operator.anomalies.context import context_part
from anomaly_operator.anomalies.story import Part, Told
from anomaly_operator.anomalies.training_run import training_run_part
from anomaly_operator.anomalies.votes import votes_part
from anomaly_operator.incidents.state import Incident
from anomaly_operator.reconcile.containment import containing
from anomaly_operator.reconcile.priority import prioritised
from anomaly_operator.reconcile.reaction import reacting
from anomaly_operator.reconcile.root_cause import cascade
from anomaly_operator.reconcile.situation import Situation


def parts(situation: Situation) -> tuple[Part, ...]:
    """For the incidents of one service."""
    detection = situation.scoring.detection
    context = context_part(detection.context if detection else ())
    return (
        training_run_part(detection, situation.world.service.training_run),
        votes_part(detection),
        cascade(situation),
        _changes(situation),
        context,
        prioritised(situation),
        containing(situation),
        reacting(situation),
    )


def _changes(situation: Situation) -> Part:
    terms, world = situation.settings.changes, situation.world
    # The workload of a run trains: it has no rollouts, and its name says nothing of another's.
    of_a_run = situation.spec.training_run is not None and situation.spec.workload is None
    if not terms.enabled or of_a_run:
        return _keep_changes
    return changes_part(
        ChangeTerms(
            namespace=situation.service.namespace,
            service=situation.service.name,
            step_seconds=situation.scoring.step_seconds or situation.spec.step_seconds,
            lookback_seconds=terms.lookback_seconds,
            nodes=terms.nodes,
            workloads=world.siblings.workloads,
            answers=world.lookups,
        )
    )


def _keep_changes(
    _incident: Incident, before: Mapping[str, Any], _found: Mapping[str, Any]
) -> Told:
    return Told(kept(before))


_FIELDS = (
    *("rootCause", "symptomOf", "symptoms", "symptomCount"),
    *("changes", "changeLookup", "context", "priority", "containment", "trainingRun", "reaction"),
    "votes",
)


def unchanged(incident: Incident, before: Mapping[str, Any], found: Mapping[str, Any]) -> Told:
    """Instead of all parts, where the spec cannot be used: what the object says stays."""
    del incident, found
    return Told({key: before[key] for key in _FIELDS if key in before})
