"""Names of AnomalyServices for the peers that a source names.

A manifest that exists is found by its `spec.parameters.service` or its name. Else the name is made
by Kubernetes' rules for a DNS label, and every name that had to be changed is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from anomaly_cli.discovery.calls import Peer

MAX_NAME = 63
_FOREIGN = re.compile(r"[^a-z0-9-]+")


class Key(NamedTuple):
    """An AnomalyService; `namespace` is empty where it is not known."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Known(NamedTuple):
    """An AnomalyService that exists; `source_name`: what the source calls it."""

    key: Key
    source_name: str


@dataclass(frozen=True, slots=True)
class Names:
    """Peers that cannot be named are not in `keys`."""

    keys: Mapping[Peer, Key]
    notes: tuple[str, ...]


def object_name(name: str) -> str:
    """`name` as a DNS label; empty where nothing is left of it."""
    return _FOREIGN.sub("-", name.lower()).strip("-")[:MAX_NAME].strip("-")


def named(peers: Iterable[Peer], known: Sequence[Known], home: str) -> Names:
    """`home`: namespace of peers for which the source names none. Of two peers that would have one
    name, the one that needs the smaller change keeps it."""
    keys: dict[Peer, Key] = {}
    owners: dict[Key, Peer] = {}
    notes = []
    for peer in sorted(set(peers), key=lambda one: (object_name(one.name) != one.name, one)):
        key = _existing(peer, known) or Key(peer.namespace or home, object_name(peer.name))
        if not key.name:
            notes.append(f"left out: no name of an object can be made of {peer.name!r}")
        elif key in owners:
            notes.append(
                f"left out: {peer} would be named {key} as well as {owners[key]}; "
                "give it a manifest with spec.parameters.service and pass it with -f"
            )
        else:
            keys[peer], owners[key] = key, peer
            if key.name != peer.name:
                notes.append(f"{peer} is named {key.name}")
    return Names(keys, tuple(notes))


def _existing(peer: Peer, known: Sequence[Known]) -> Key | None:
    for wanted in (peer.name, object_name(peer.name)):
        found = [
            one.key
            for one in known
            if wanted in (one.source_name, one.key.name)
            and peer.namespace in ("", one.key.namespace)
        ]
        if len(found) == 1:
            return found[0]
    return None
