"""What the person who starts the server decides; no tool can change it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from anomaly_cli.connection import Cluster, connect
from anomaly_cli.refusal import ArgumentError


@dataclass(frozen=True, slots=True)
class Options:
    """`namespace`: that of a tool which names none, empty for the context's. `data_root`: resolved;
    None: no file is read. `source_url`: empty: no Prometheus is asked."""

    context: str = ""
    namespace: str = ""
    kubeconfig: str = ""
    settings: Path | None = None
    data_root: Path | None = None
    source_url: str = ""
    allow_writes: bool = False

    def cluster(self, namespace: str = "") -> Cluster:
        """The cluster of the caller, with the credentials as they are now. Raises ClusterError."""
        return connect(self.context, namespace or self.namespace, self.kubeconfig)


def options(given: argparse.Namespace) -> Options:
    """Raises ArgumentError."""
    root: Path | None = given.data_root
    if root is not None and not root.is_dir():
        raise ArgumentError(f"--data-root {root} is no folder; name one that exists")
    return Options(
        given.context,
        given.namespace,
        given.kubeconfig,
        given.settings,
        root.resolve() if root else None,
        given.source_url,
        given.allow_writes,
    )
