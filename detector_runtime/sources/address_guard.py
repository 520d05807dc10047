"""Which addresses a runner may dial: the wall against server-side request forgery.

A source's URL is the admin's, yet names resolve to whatever DNS says, so the address itself is
checked. The name is resolved once and the connection goes to the checked address, so a second,
different answer (DNS rebinding) is never asked for. Private ranges stay allowed: metrics servers
live there. Loopback, link-local (cloud metadata), multicast, unspecified and reserved ranges, the
API server and what the admin denies are refused, also inside IPv4-mapped, 6to4, Teredo and NAT64
addresses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from detector_runtime.errors import (
    AddressRefusedError,
    ConfigInvalidError,
    SourceUnavailableError,
)

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_V4_INSIDE = tuple(
    # mapped, compatible, and the two NAT64 prefixes
    ip_network(text)
    for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_SITE_LOCAL = ip_network("fec0::/10")
_THIS_NETWORK = ip_network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked place to dial. `host` goes into Host and SNI, `addresses` are connected to."""

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def origin(self) -> str:
        """`http://host:port`, for messages."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What the admin allows and denies; `api_server` is (host, port) of the Kubernetes API."""

    allow_loopback: bool = False
    denied_cidrs: tuple[str, ...] = ()
    api_server: tuple[str, int] | None = None


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Addresses of `host` in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_url(url: str, rules: GuardRules, resolve: Resolver = system_resolver) -> Endpoint:
    """The endpoint of `url`, or AddressRefusedError with the reason.

    SourceUnavailableError when the name does not resolve now.
    """
    secure, host, port, path = _split(url)
    literal = _literal(host)
    if literal is not None:
        found: Sequence[str] = (str(literal),)
    else:
        try:
            found = resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise SourceUnavailableError(
                f"cannot resolve {host!r}: {getattr(error, 'strerror', None) or error}"
            ) from error
    if not found:
        raise SourceUnavailableError(f"cannot resolve {host!r}: no address")
    forbidden = _api_addresses(rules, resolve)
    for text in found:
        reason = refusal(text, port, rules, forbidden)
        if reason:
            raise AddressRefusedError(f"source address {host!r} ({text}) is refused: {reason}")
    return Endpoint(secure, host, port, path, tuple(found))


def refusal(text: str, port: int, rules: GuardRules, api: frozenset[tuple[Address, int]]) -> str:
    """Why the address `text` may not be dialled; empty when it may."""
    try:
        address = ip_address(text)
    except ValueError:
        return "it is no plain IP address"
    for one in _with_embedded(address):
        reason = _range_refusal(one, rules) or _api_refusal(one, port, api)
        if reason:
            return reason if one == address else f"it stands for {one}: {reason}"
    return ""


def _range_refusal(address: Address, rules: GuardRules) -> str:
    for text in rules.denied_cidrs:
        try:
            network = ip_network(text, strict=False)
        except ValueError as error:
            raise ConfigInvalidError(f"source.deniedCIDRs: {text!r} is no CIDR") from error
        if address.version == network.version and address in network:
            return f"the administrator denies {text}"
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return "unspecified addresses"
    if address.is_loopback:
        return "" if rules.allow_loopback else "loopback; the source's allowLoopback permits it"
    if address.is_link_local or (address.version == 6 and address in _SITE_LOCAL):
        return "link-local addresses (cloud metadata lives there)"
    if address.is_multicast:
        return "multicast addresses"
    if address.is_reserved and not _stands_for_v4(address):
        return "reserved addresses"
    return ""


def _api_refusal(address: Address, port: int, api: frozenset[tuple[Address, int]]) -> str:
    # On loopback the sandbox's API server and metrics source share the address.
    for known, known_port in api:
        if address == known and (not address.is_loopback or port == known_port):
            return "the Kubernetes API server"
    return ""


def _stands_for_v4(address: Address) -> bool:
    """Whether the last four bytes of an IPv6 address are the IPv4 address that is meant."""
    if address.version == 4 or int(address) <= 1:
        return False
    return any(address in network for network in _V4_INSIDE)


def _with_embedded(address: Address) -> Iterator[Address]:
    """`address` and the IPv4 addresses that it stands for."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if _stands_for_v4(address):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _api_addresses(rules: GuardRules, resolve: Resolver) -> frozenset[tuple[Address, int]]:
    if rules.api_server is None:
        return frozenset()
    host, port = rules.api_server
    literal = _literal(host)
    try:
        texts = (str(literal),) if literal is not None else resolve(host, port)
        return frozenset((ip_address(text), port) for text in texts)
    except (OSError, ValueError):
        return frozenset()


def _split(url: str) -> tuple[bool, str, int, str]:
    if not url.isascii() or any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
        raise AddressRefusedError(
            "source url holds a character outside printable ASCII; write the host in punycode"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefusedError(f"source url cannot be read: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise AddressRefusedError(f"source url scheme {parts.scheme!r}: only http and https")
    if "@" in parts.netloc:
        raise AddressRefusedError("source url holds user information; use the source's auth")
    if parts.fragment or parts.query or "#" in url or "?" in url:
        raise AddressRefusedError(
            "source url holds a query or a fragment; give the bare address and use queryParameters"
        )
    secure = parts.scheme == "https"
    host = (parts.hostname or "").lower()
    if port is None:
        port = 443 if secure else 80
    if port == 0 or parts.netloc.endswith(":"):
        raise AddressRefusedError("source url holds an empty or zero port")
    _check_host(host)
    return secure, host, port, parts.path.rstrip("/")


def _check_host(host: str) -> None:
    if not host:
        raise AddressRefusedError("source url has no host")
    if _literal(host) is not None:
        return
    labels = host.removesuffix(".").split(".")
    for label in labels:
        plain = label.replace("-", "").replace("_", "").isalnum()
        if not plain or label.startswith("-") or label.endswith("-") or len(label) > 63:
            raise AddressRefusedError(f"source url: {host!r} is no host name")
    # The C library also reads 2130706433, 0x7f.1 and 0177.0.0.1 as addresses; people do not.
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise AddressRefusedError(f"source url: write the address {host!r} in plain dotted decimal")


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
