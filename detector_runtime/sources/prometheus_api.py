"""A checked way to a Prometheus API: address, credentials and connection of one source."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.sources.address_guard import (
    GuardRules,
    Resolver,
    check_url,
    system_resolver,
)
from detector_runtime.sources.auth import Credentials, load_credentials
from detector_runtime.sources.connection import connect_checked
from detector_runtime.sources.range_request import RangeRequests, range_requests


@dataclass(frozen=True, slots=True)
class PrometheusMounts:
    """Where the Secret and the CA bundle of the source are mounted."""

    auth: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class PrometheusAPI:
    """`connection` dials on its first request."""

    connection: HTTPConnection
    requests: RangeRequests
    credentials: Credentials


def open_api(
    spec: SourceSpec,
    mounts: PrometheusMounts,
    api_server: tuple[str, int] | None = None,
    resolve: Resolver = system_resolver,
) -> PrometheusAPI:
    """RunError for a missing Secret and for an address where a runner must not go."""
    credentials = load_credentials(spec, mounts.auth)
    rules = GuardRules(spec.allow_loopback, spec.denied_cidrs, api_server)
    endpoint = check_url(spec.url, rules, resolve)
    ca_file = mounts.ca / "ca.crt" if spec.custom_ca else None
    connection = connect_checked(endpoint, ca_file)
    return PrometheusAPI(
        connection, range_requests(spec, endpoint, credentials.header), credentials
    )
