"""`kubectl anomaly ack` and `feedback`: brings to the cluster what a person says of an incident."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from anomaly_cli import console, statements
from anomaly_cli.cluster_objects import Incident
from anomaly_cli.cluster_reading import incident
from anomaly_cli.connection import Cluster, ClusterError
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.statements import Judgement, Saying, Speaker
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_operator.api.resources import ANOMALY


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

    def saying(one: Incident) -> Saying:
        who = Speaker(cluster.user(), overwrite)
        return statements.acknowledged(one, who, comment, now)

    return _said(cluster, name, saying)


def feedback(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, ClusterError."""
    said = judgement(given.verdict, given.until, given.comment, int(time.time()))
    with cluster_of(given) as cluster:
        told = marked(cluster, bare(given.name), said, overwrite=given.overwrite)
    console.say([told])
    return 0


def judgement(verdict: str, until: str, comment: str, now: int) -> Judgement:
    """From what was typed. Raises ArgumentError."""
    try:
        return statements.judgement(verdict, until, comment, now)
    except statements.UnknownWordError as error:
        raise ArgumentError(str(error)) from error


def marked(cluster: Cluster, name: str, said: Judgement, *, overwrite: bool = False) -> str:
    """Give feedback on an Anomaly as the user of `cluster`; the sentence about it. Raises
    ClusterError."""

    def saying(one: Incident) -> Saying:
        return statements.marked(one, Speaker(cluster.user(), overwrite), said)

    return _said(cluster, name, saying)


def _said(cluster: Cluster, name: str, saying: Callable[[Incident], Saying]) -> str:
    one = incident(cluster.get(ANOMALY, name))
    try:
        said = saying(one)
    except statements.SaidAlreadyError as error:
        raise ClusterError(f"{error}; --overwrite replaces that") from error
    if said.spec:
        cluster.patch(ANOMALY, one.name, {"spec": said.spec}, one.namespace)
    return said.told
