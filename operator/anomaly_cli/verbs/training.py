"""`kubectl anomaly retrain` and `rollback`: a new model, or an earlier one.

A rollback is a pin: `spec.modelRevision` names the revision that serves until the pin is removed.
The operator would report a revision that does not exist or does not fit; here it is refused first.
"""

from __future__ import annotations

import argparse
import time

from anomaly_cli import console
from anomaly_cli.cluster_reading import part, text
from anomaly_cli.connection import Cluster, ClusterError, Object
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_cli.verbs.wording import moment
from anomaly_operator.api.names import ANNOTATION_TRAIN_REQUESTED
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.observe.read import compact
from anomaly_operator.spec.profile import Profile
from anomaly_operator.status.stored import Status, read_status
from anomaly_operator.training.book import Model


def retrain(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        raw = cluster.get(SERVICE, bare(given.service))
        name, namespace = _names(raw)
        if part(raw, "spec").get("suspend") is True:
            raise ClusterError(
                f"{name} is suspended, so nothing is trained; set spec.suspend to false first"
            )
        if part(raw, "spec").get("profile") == Profile.TRAINING_RUN:
            raise ClusterError(f"{name} follows a training run, of which no model is trained")
        request = {ANNOTATION_TRAIN_REQUESTED: to_text(time.time())}
        cluster.patch(SERVICE, name, {"metadata": {"annotations": request}}, namespace)
    pin = text(part(raw, "spec"), "modelRevision")
    lines = [f"training of {name} requested; kubectl get jobs -n {namespace} shows its Job"]
    if pin:
        lines.append(f"spec.modelRevision pins {pin}, so the new model does not serve")
    console.say(lines)
    return 0


def rollback(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        raw = cluster.get(SERVICE, bare(given.service))
        name, namespace = _names(raw)
        status = read_status(compact(raw.get("status") or {}))
        if given.latest:
            _pin(cluster, raw, None)
            console.say([f"{name} is no longer pinned; the newest model that passed serves"])
            return 0
        found = chosen(status, given.revision, name)
        if text(part(raw, "spec"), "modelRevision") == found.revision:
            console.say([f"{name} is pinned to {found.revision} already"])
            return 0
        _pin(cluster, raw, found.revision)
    serving = status.model.revision if status.model else "none"
    console.say(
        [
            f"{name} is pinned to {found.revision}{_trained(found)}; it served {serving}",
            f"to undo: kubectl anomaly rollback {name} -n {namespace} --latest",
            "a manifest kept in Git needs the same spec.modelRevision, or it is undone from there",
        ]
    )
    return 0


def chosen(status: Status, wanted: str, name: str) -> Model:
    """The revision to pin: the one called `wanted`, else the newest that is older than the serving
    one and fits the spec that it was trained for. Raises ClusterError."""
    serving, known = status.model, status.training.revisions
    if status.newer:
        raise ClusterError(f"the status of {name} is of a newer release; upgrade kubectl-anomaly")
    if serving is None:
        raise ClusterError(f"{name} has no model yet, so there is nothing to go back to")
    if wanted:
        found = serving if wanted == serving.revision else status.training.revision(wanted)
        if found is None:
            raise ClusterError(f"{name} has no revision {wanted}; {_known(known, serving)}")
        if not _fits(found, serving):
            raise ClusterError(
                f"{wanted} was trained for other metrics or another step than {name} has now; "
                f"{_known(tuple(one for one in known if _fits(one, serving)), serving)}"
            )
        return found
    names = [one.revision for one in known]
    older = known[names.index(serving.revision) + 1 :] if serving.revision in names else known
    fitting = [one for one in older if _fits(one, serving) and one.revision != serving.revision]
    if not fitting:
        raise ClusterError(
            f"{name} has no earlier revision that fits its metrics and step; the volume keeps the "
            "newest ones only (settings.storage.keepRevisions)"
        )
    return fitting[0]


def _fits(model: Model, serving: Model) -> bool:
    return not model.shape or not serving.shape or model.shape == serving.shape


def _known(known: tuple[Model, ...], serving: Model) -> str:
    listed = ", ".join(
        f"{one.revision}{_trained(one)}{' (serves)' if one.revision == serving.revision else ''}"
        for one in known
    )
    return f"there are: {listed}" if listed else "the volume keeps no other"


def _trained(model: Model) -> str:
    return f", trained {moment(model.trained_at)}" if model.trained_at else ""


def _pin(cluster: Cluster, raw: Object, revision: str | None) -> None:
    name, namespace = _names(raw)
    cluster.patch(SERVICE, name, {"spec": {"modelRevision": revision}}, namespace)


def _names(raw: Object) -> tuple[str, str]:
    metadata = part(raw, "metadata")
    return text(metadata, "name"), text(metadata, "namespace")
