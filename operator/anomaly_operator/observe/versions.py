"""Which of two versions of an object is the newer one."""

from __future__ import annotations

from anomaly_operator.world.objects import Meta


def newer(meta: Meta, known: Meta) -> bool:
    """Resource versions of one cluster can be compared as numbers; where not, believe the news."""
    if not (meta.resource_version.isdigit() and known.resource_version.isdigit()):
        return meta.resource_version != known.resource_version or meta.uid != known.uid
    return int(meta.resource_version) > int(known.resource_version)


def older(meta: Meta, known: Meta) -> bool:
    """Surely older: of versions that are no numbers nobody can tell."""
    if not (meta.resource_version.isdigit() and known.resource_version.isdigit()):
        return False
    return int(meta.resource_version) < int(known.resource_version)
