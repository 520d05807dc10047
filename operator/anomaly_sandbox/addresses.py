"""Loopback addresses: each sandbox gets a part of 127.0.0.0/8 that no other sandbox uses.

With addresses of its own a sandbox can bind its servers without racing others for ports, and
every pod can have an address of its own.
"""

from __future__ import annotations

import os
import random
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from anomaly_sandbox import folders
from anomaly_sandbox.locks import try_lock


class NoAddressError(RuntimeError):
    """Every part of the loopback network is taken."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The addresses 127.N.0.0/16, ours until `close` or the end of the process."""

    prefix: str
    descriptor: int

    def close(self) -> None:
        os.close(self.descriptor)


def claim(folder: Path | None = None, seed: int | None = None) -> Claim:
    """Claims a free 127.N.0.0/16. `folder` holds the lock files; `seed` fixes the order tried."""
    locks = folder or folders.cache_dir() / "addresses"
    folders.make(locks, folders.CACHE)
    order = list(range(16, 250))
    # Users do not see each other's locks; starting at random keeps them apart.
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    used = _networks_in_use()
    for number in order:
        descriptor = try_lock(locks / f"127.{number}.lock")
        if descriptor is None:
            continue
        # Another user's sandbox holds a lock that we cannot see, but not without a socket.
        if number not in used:
            return Claim(f"127.{number}", descriptor)
        os.close(descriptor)
    raise NoAddressError(f"all {len(order)} loopback networks are in use by sandboxes ({locks})")


def _networks_in_use() -> set[int]:
    """The N of every 127.N.0.0/16 that a TCP socket of this machine is bound in."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        # The address is a 32-bit word in the machine's byte order, in hexadecimal.
        word = int(line.split()[1].split(":")[0], 16).to_bytes(4, sys.byteorder)
        if word[0] == 127:
            found.add(word[1])
    return found


def control_plane_address(prefix: str) -> str:
    return f"{prefix}.0.1"


def pod_address(prefix: str, number: int) -> str:
    """The address of pod `number` (0 to 64,515), never one of the control plane's."""
    return f"{prefix}.{1 + number // 254 % 254}.{1 + number % 254}"


def free_port(address: str) -> int:
    """A port that nobody listens on at this address; only this sandbox uses the address."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
