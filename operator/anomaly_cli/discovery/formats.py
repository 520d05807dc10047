"""The three kinds of metrics that say who calls whom, and how a series of each reads.

Label names: those of the OpenTelemetry collector's service graph and span metrics connectors,
Grafana Tempo and Beyla, and Istio's standard metrics. Each query sums over everything else, so that
an answer has one series for each pair of services and kind of connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from anomaly_cli.discovery.calls import Peer


class Format(StrEnum):
    """Values of `--format`; `auto` tries the others in this order."""

    OTEL = "otel"
    SPANS = "spans"
    ISTIO = "istio"


@dataclass(frozen=True, slots=True)
class Query:
    """`metric` is a name, or a selector in braces; `selector`: label matchers."""

    metric: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """Labels with a peer's name and namespace, and where no name is known its host; of several the
    first that has a value."""

    names: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.names, *self.namespaces, *self.hosts)

    def peer(self, labels: Mapping[str, str]) -> Peer | None:
        """Its name is empty where no label has one; None: its host is none of the cluster's."""
        name = _first(labels, self.names)
        host = "" if name else _first(labels, self.hosts)
        return peer_at(host) if host else Peer(_first(labels, self.namespaces), name)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one format is asked for and read. `queries`: the first that is answered counts, as the
    metric's name differs between releases. `connection`: the label with the kind of connection."""

    queries: tuple[Query, ...]
    caller: Side
    callee: Side
    connection: str = ""

    def promql(self, query: Query, since: str) -> str:
        """An instant query: calls a second over `since`."""
        labels = [*self.caller.labels, *self.callee.labels]
        labels += [self.connection] if self.connection else []
        selector = f"{{{query.selector}}}" if query.selector else ""
        return f"sum by ({', '.join(labels)}) (rate({query.metric}{selector}[{since}]))"


READINGS = {
    Format.OTEL: Reading(
        (Query("traces_service_graph_request_total"),),
        Side(("client",), ("client_k8s_namespace_name", "client_service_namespace")),
        Side(("server",), ("server_k8s_namespace_name", "server_service_namespace")),
        connection="connection_type",
    ),
    Format.SPANS: Reading(
        tuple(
            Query(metric, 'span_kind=~"SPAN_KIND_CLIENT|client|Client"')
            for metric in (
                "traces_span_metrics_calls_total",
                "traces_spanmetrics_calls_total",
                "calls_total",
            )
        ),
        Side(("service_name", "service"), ("k8s_namespace_name",)),
        Side(("peer_service",), hosts=("server_address", "net_peer_name")),
        connection="db_system",
    ),
    Format.ISTIO: Reading(
        (
            Query("istio_requests_total", 'reporter="source"'),
            # In ambient mode waypoints report, and no source does.
            Query("istio_requests_total", 'reporter=~"destination|waypoint"'),
        ),
        Side(("source_workload",), ("source_workload_namespace",)),
        Side(("destination_workload",), ("destination_workload_namespace",)),
    ),
}
_UNKNOWN = frozenset({"", "unknown", "<unknown>", "user"})
_INSIDE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\..+)?")
_ADDRESS = re.compile(r"[0-9.]+(:\d+)?|\[.*\](:\d+)?|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*")


def peer_at(host: str) -> Peer | None:
    """The service behind a host's name; None where that is none of the cluster's.

    `payments.shop.svc.cluster.local:8080` is payments in shop. Any other name with dots, and an
    address, belongs to somebody else or to a database.
    """
    host = host.strip().lower()
    if _ADDRESS.fullmatch(host):
        return None
    host = re.sub(r":\d+$", "", host).rstrip(".")
    inside = _INSIDE.fullmatch(host)
    if inside:
        return Peer(inside[2], inside[1])
    return None if "." in host or not host else Peer("", host)


def is_known(peer: Peer) -> bool:
    """`unknown` is what a mesh calls a caller outside it, `user` what Tempo calls one without
    traces."""
    return peer.name.lower() not in _UNKNOWN


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
