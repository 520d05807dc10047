"""Where a request comes from and whom it was sent to, as far as either can be believed.

`X-Forwarded-For` counts only where the peer itself is one of the networks that the administrator
named, and then only its last entry, which that peer wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

Networks = Sequence[IPv4Network | IPv6Network]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def behind(connection: HTTPConnection, networks: Networks) -> bool:
    """Whether the peer is a proxy of these networks."""
    peer = _parsed(connection.client.host if connection.client else "")
    return peer is not None and any(peer in network for network in networks)


def address(connection: HTTPConnection, networks: Networks) -> str:
    """The address that requests are counted by."""
    peer = connection.client.host if connection.client else ""
    if behind(connection, networks):
        hops = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        named = _parsed(hops[-1].strip())
        if named is not None:
            return str(named)
    return peer


def host(connection: HTTPConnection) -> str:
    """The Host header without its port, in lower case."""
    return split_host(connection.headers.get("host", ""))[0]


def split_host(text: str) -> tuple[str, str]:
    """Name and port of a Host header, each empty where it is not said."""
    name, bracket, rest = text.strip().lower().rpartition("]")
    if bracket:
        return name.removeprefix("["), rest.removeprefix(":")
    name, _, port = text.strip().lower().partition(":")
    return name, port


def loopback(name: str) -> bool:
    """Whether a host of that name is this machine, whatever a name server says."""
    return name in _LOOPBACK


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found
