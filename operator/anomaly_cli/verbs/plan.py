"""`kubectl anomaly plan -f FILE`: what a changed AnomalyService would change. It applies nothing.

The current objects come from the cluster, or from a file of them, and then no cluster is asked.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anomaly_cli import console
from anomaly_cli.cluster_reading import part
from anomaly_cli.connection import Cluster, ClusterError
from anomaly_cli.object_files import (
    DEFAULT_NAMESPACE,
    Objects,
    ServiceDocument,
    ServiceFileError,
    read_objects,
)
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.replay_options import read_settings
from anomaly_cli.verbs import plan_replay
from anomaly_cli.verbs.differences import differences
from anomaly_cli.verbs.output import write_document
from anomaly_cli.verbs.plan_report import report, sections
from anomaly_cli.verbs.plan_world import Namespace, Outlook, assumed, outlook
from anomaly_cli.verbs.show import width
from anomaly_cli.verbs.spec_essentials import essentials
from anomaly_cli.verbs.target import cluster_of
from anomaly_operator.api.errors import NewerStatusError
from anomaly_operator.api.names import LABEL_SERVICE
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.observe.read import anomaly_object, policy_object, service_object
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import PolicyObject, ServiceObject

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Current:
    """What there is now. `raw` None: the service does not exist yet."""

    raw: Raw | None
    around: Namespace


@dataclass(frozen=True, slots=True)
class Plan:
    """What comes of the old spec (None: there is none that works) and of the new one; `changes`:
    the lines to say, by their label."""

    old: Outlook | None
    new: Outlook
    changes: dict[str, list[str]]


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError, InputError, OSError."""
    objects = read_objects(given.file)
    settings = settings_of(given.settings)
    if given.current:
        document = _chosen(objects, given.service)
        # Before the objects without a namespace get one of their own.
        document = _placed(document, given.namespace or document.meta.namespace)
        current = _from_files(read_objects(given.current), document)
        found = _planned(current, document, objects, settings)
    else:
        with cluster_of(given) as cluster:
            found = planned(cluster, objects, given.service, given.namespace, settings)
    new = found.new
    replayed = [] if new.refused else plan_replay.replays(given, found.old, new)
    if given.output:
        write_document(given.output, _document(found, replayed))
        return 0
    console.say(report(new, found.changes, width()))
    if replayed:
        console.say(["", "replay:"])
        console.table(plan_replay.HEADS, plan_replay.rows(replayed))
        console.say(plan_replay.only(replayed))
    elif not new.refused:
        console.say(["", "To replay the last days under both specs, add --data or --source-url."])
    return 0


def planned(
    cluster: Cluster,
    objects: Objects,
    service: str | None,
    namespace: str,
    settings: Settings | None,
) -> Plan:
    """What the `service` of `objects` would change in a cluster; `namespace`: as `-n` names it,
    empty where it names none. Raises ClusterError, InputError."""
    document = _chosen(objects, service)
    document = _placed(document, _namespace(namespace, document, cluster))
    return _planned(_from_cluster(cluster, document), document, objects, settings)


def _planned(
    current: Current, document: ServiceDocument, objects: Objects, settings: Settings | None
) -> Plan:
    old, new = _outlooks(current, document, objects, settings)
    before, wanted = (essentials(part(one, "spec")) for one in (current.raw, document.document))
    spec = list(differences(before, wanted)) if current.raw else ["a new service"]
    return Plan(old, new, sections(old, new, spec))


def _document(found: Plan, replayed: list[plan_replay.Replayed]) -> Raw:
    """The same for programs."""
    meta = found.new.service.meta
    heads = ("spec", "days", "incidents", "mediumAndAbove", "windows", "models", "expectedPerWeek")
    return {
        "service": meta.name,
        "namespace": meta.namespace,
        "changes": {label.lower(): lines for label, lines in found.changes.items()},
        "replay": [dict(zip(heads, row, strict=True)) for row in plan_replay.rows(replayed)],
        "differences": plan_replay.only(replayed),
    }


def _outlooks(
    current: Current, document: ServiceDocument, objects: Objects, settings: Settings | None
) -> tuple[Outlook | None, Outlook]:
    """What comes of the spec that there is and of the new one. None: there is none that works.
    Raises ClusterError, ServiceFileError."""
    now = int(time.time())
    new = _changed(document, current.raw)
    old = service_object(current.raw) if current.raw else None
    settings = assumed(settings, *(one.spec for one in (old, new) if one and one.spec))
    around = current.around
    after = replace(around, policies=_with(around.policies, objects, document.meta.namespace))
    try:
        before = outlook(old, around, settings, now) if old and old.spec else None
        return before, outlook(new, after, settings, now)
    except NewerStatusError as error:
        raise ClusterError(str(error)) from error


def settings_of(path: Path | None) -> Settings | None:
    """None: none are given. Raises SettingsError, OSError."""
    return None if path is None else read_settings(path)


def _chosen(objects: Objects, name: str | None) -> ServiceDocument:
    """The service to plan. Raises ServiceFileError."""
    found = [one for one in objects.services if name in {None, one.name, one.meta.name}]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(one.name for one in objects.services) or "none"
    raise ServiceFileError(
        f"{objects.said}: choose one AnomalyService with --service; the files have: {listed}"
    )


def _namespace(asked: str, one: ServiceDocument, cluster: Cluster) -> str:
    """That of the file; -n must not name another. Raises ArgumentError, ClusterError."""
    named = str(part(one.document, "metadata").get("namespace") or "")
    if named and asked and named != asked:
        raise ArgumentError(f"-n {asked}: {one.path} is for namespace {named}; leave -n out")
    return named or cluster.namespace


def _placed(one: ServiceDocument, namespace: str) -> ServiceDocument:
    return replace(one, meta=replace(one.meta, namespace=namespace or DEFAULT_NAMESPACE))


def _from_cluster(cluster: Cluster, one: ServiceDocument) -> Current:
    namespace, name = one.meta.namespace, one.meta.name
    services = [service_object(raw) for raw in cluster.list(SERVICE, namespace)]
    policies = [policy_object(raw) for raw in cluster.list(POLICY, namespace)]
    labels = f"{LABEL_SERVICE}={name}"
    anomalies = [anomaly_object(raw) for raw in cluster.list(ANOMALY, namespace, labels=labels)]
    around = Namespace(tuple(policies), tuple(services), tuple(anomalies))
    return Current(cluster.find(SERVICE, name, namespace), around)


def _from_files(objects: Objects, one: ServiceDocument) -> Current:
    """Without incidents: they decide about nothing that a plan shows."""
    mine = [
        (found, _object(found)) for found in objects.services if found.meta.name == one.meta.name
    ]
    others = tuple(service_object(_object(found)) for found in objects.services)
    raw = mine[0][1] if mine else None
    return Current(raw, Namespace(_here(objects, one.meta.namespace), others))


def _object(one: ServiceDocument) -> Raw:
    """As an API server would answer, with an identity where the file has none."""
    metadata = {"uid": one.meta.uid, "generation": 1, **part(one.document, "metadata")}
    metadata |= {"name": one.meta.name, "namespace": one.meta.namespace}
    kind = {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind}
    return {**one.document, **kind, "metadata": metadata}


def _here(objects: Objects, namespace: str) -> tuple[PolicyObject, ...]:
    """The policies of a file, in the namespace of the service where they name no other."""
    return tuple(
        replace(one, meta=replace(one.meta, namespace=namespace)) for one in objects.policies
    )


def _with(
    policies: tuple[PolicyObject, ...], objects: Objects, namespace: str
) -> tuple[PolicyObject, ...]:
    """`policies` with those of the files in the place of their namesakes."""
    new = {one.meta.name: one for one in _here(objects, namespace)}
    return (*(one for one in policies if one.meta.name not in new), *new.values())


def _changed(one: ServiceDocument, before: Raw | None) -> ServiceObject:
    """The service as it would be: the file's spec and labels, the identity and status that there
    are. Raises ServiceFileError for a spec that cannot be used."""
    spec, problems = parse_service(one.document.get("spec") or {})
    if spec is None:
        raise ServiceFileError(
            f"{one.path}: {SERVICE.kind} {one.meta.name}: "
            + "; ".join(str(problem) for problem in problems)
        )
    live = service_object(before) if before else None
    if live is None:
        return ServiceObject(one.meta, spec, incidents=spec.incidents)
    meta = replace(live.meta, labels=one.meta.labels, generation=live.meta.generation + 1)
    return replace(live, meta=meta, spec=spec, problems=(), incidents=spec.incidents)
