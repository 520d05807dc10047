"""Is a rendered manifest contained in the live object? Then nothing is sent.

The API server fills in defaults and other controllers add fields of their own, so the live object
has more than we rendered; what we rendered must be there with equal value. Lists are compared
item by item, because whoever adds a container or a volume to a pod of ours has edited it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api.quantities import equal_quantities
from anomaly_operator.world.held_text import same_text

_QUANTITY_FIELDS = frozenset({"cpu", "memory", "storage", "ephemeral-storage", "sizeLimit"})
_IDENTITY = ("apiVersion", "kind")
_METADATA = ("labels", "annotations")


def contained(rendered: Mapping[str, Any], live: Mapping[str, Any], owners: Sequence[str]) -> bool:
    """`live` as `objects.Child.body` has it, `owners` the uids of its owners, beside which there
    may be others. Name and namespace are known to agree.
    """
    ours, theirs = rendered["metadata"], live.get("metadata", {})
    if not {owner["uid"] for owner in ours.get("ownerReferences", ())} <= set(owners):
        return False
    if not all(_within(ours.get(key, {}), theirs.get(key)) for key in _METADATA):
        return False
    rest = (key for key in rendered if key not in ("metadata", *_IDENTITY))
    return all(_within(rendered[key], live.get(key), key) for key in rest)


def _within(rendered: Any, live: Any, field: str = "") -> bool:
    if rendered == live:
        return True
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
    if isinstance(rendered, str) and isinstance(live, Mapping):
        return same_text(rendered, live)
    if field in _QUANTITY_FIELDS and isinstance(rendered, str) and isinstance(live, str):
        return equal_quantities(rendered, live)
    return False


def _drops(rendered: Any) -> bool:
    """Whether the API server leaves such a value out: `hostNetwork: false` is not stored."""
    if isinstance(rendered, Mapping):
        return all(_drops(value) for value in rendered.values())
    return not rendered
