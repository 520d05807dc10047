"""Which cluster, namespace and object a verb speaks of: the options that kubectl has too."""

from __future__ import annotations

import argparse

from anomaly_cli.connection import ALL_NAMESPACES, Cluster, add_options, connect


def add_target(parser: argparse.ArgumentParser, *, everywhere: bool = False) -> None:
    """`everywhere`: the verb can look at all namespaces at once."""
    add_options(parser)
    if everywhere:
        parser.add_argument(
            "-A", "--all-namespaces", action="store_true", help="look at all namespaces"
        )


def cluster_of(given: argparse.Namespace) -> Cluster:
    """The cluster that the options name. Raises ClusterError."""
    return connect(given.context, given.namespace, given.kubeconfig)


def scope(given: argparse.Namespace, cluster: Cluster) -> str:
    """The namespace to look at, ALL_NAMESPACES for all. Raises ClusterError."""
    return ALL_NAMESPACES if given.all_namespaces else cluster.namespace


def bare(name: str) -> str:
    """`anomaly/NAME` and `asvc/NAME`, as kubectl prints them, name the same object as NAME."""
    return name.rpartition("/")[2]
