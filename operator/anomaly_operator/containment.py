"""Is a rendered manifest contained in the live object? Then nothing is sent.

The API server fills in defaults and other controllers add fields of their own, so the live object
has more than we rendered; what we rendered must be there with equal value. Lists are compared
item by item, because whoever adds a container or a volume to a pod of ours has edited it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.quantities import equal_quantities

_QUANTITY_FIELDS = frozenset({"cpu", "memory", "storage", "ephemeral-storage", "sizeLimit"})
_IDENTITY = ("apiVersion", "kind")
_METADATA = ("labels", "annotations")


def contained(rendered: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """`live` as `objects.Child.body` has it: metadata's labels, annotations, ownerReferences, and
    everything beside metadata and status. Name and namespace are known to agree.
    """
    ours, theirs = rendered["metadata"], live.get("metadata", {})
    if not all(_within(ours.get(key, {}), theirs.get(key)) for key in _METADATA):
        return False
    if not _owners_within(ours.get("ownerReferences", ()), theirs.get("ownerReferences", ())):
        return False
    rest = (key for key in rendered if key not in ("metadata", *_IDENTITY))
    return all(_within(rendered[key], live.get(key), key) for key in rest)


def _owners_within(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """By uid; other owners may stand beside ours."""
    live = {owner.get("uid"): owner for owner in theirs}
    return all(_within(owner, live.get(owner["uid"])) for owner in ours)


def _within(rendered: Any, live: Any, field: str = "") -> bool:
    if live is None:
        return _drops(rendered)
    if isinstance(rendered, Mapping):
        return isinstance(live, Mapping) and all(
            _within(value, live.get(key), key) for key, value in rendered.items()
        )
    if isinstance(rendered, list | tuple):
        return (
            isinstance(live, list)
            and len(live) == len(rendered)
            and all(_within(one, other) for one, other in zip(rendered, live, strict=True))
        )
    if field in _QUANTITY_FIELDS and isinstance(rendered, str) and isinstance(live, str):
        return equal_quantities(rendered, live)
    return bool(rendered == live)


def _drops(rendered: Any) -> bool:
    """Whether the API server leaves such a value out: `hostNetwork: false` is not stored."""
    if isinstance(rendered, Mapping):
        return all(_drops(value) for value in rendered.values())
    return not rendered
