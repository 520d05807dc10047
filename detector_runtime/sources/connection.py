"""A connection to a checked address, under the name that the user wrote.

Dials what `address_guard` has checked and nothing else; Host, SNI and certificate check keep the
original name. Certificates are always verified: against the mounted CA file when there is one,
else against the system's.
"""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from detector_runtime.errors import SecretMissingError, SourceUnavailableError
from detector_runtime.sources.address_guard import Endpoint


def connect_checked(endpoint: Endpoint, ca_file: Path | None) -> HTTPConnection:
    """A connection object for `endpoint`; it dials on its first request and again after a loss."""
    if endpoint.secure:
        return _PinnedHTTPSConnection(endpoint, _tls_context(ca_file))
    return _PinnedHTTPConnection(endpoint)


def dial(addresses: tuple[str, ...], port: int, timeout: float | None) -> socket.socket:
    """A socket to the first of `addresses` that answers; the last one's error else."""
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            made = socket.create_connection((address, port), timeout)
        except OSError as error:
            failure = error
            continue
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    raise failure


class _PinnedHTTPConnection(HTTPConnection):
    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self._addresses = endpoint.addresses

    def connect(self) -> None:
        self.sock = dial(self._addresses, self.port, self.timeout)


class _PinnedHTTPSConnection(HTTPSConnection):
    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext) -> None:
        super().__init__(endpoint.host, endpoint.port, context=context)
        self._addresses = endpoint.addresses
        self._tls = context

    def connect(self) -> None:
        plain = dial(self._addresses, self.port, self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host.removesuffix("."))
        except BaseException:
            plain.close()
            raise


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except FileNotFoundError as error:
        raise SecretMissingError(
            f"the source's CA file {ca_file.name} is not mounted; check caConfigMap"
        ) from error
    except (ssl.SSLError, OSError) as error:
        raise SourceUnavailableError(
            f"the source's CA file {ca_file.name} holds no usable certificate"
        ) from error
