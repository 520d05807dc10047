"""Objects of ours that never compare as rendered: others have set fields beside ours, or too little
of them is kept.

A server-side apply leaves such fields alone, so the next comparison finds the same difference and
would apply again, for ever and to no effect. The same manifest applied to the very version that it
has left changes nothing: that is what is remembered here, in this process alone. Whatever anybody
writes on the object makes a new version, which is applied to once.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anomaly_operator.manifests.containment import contained
from anomaly_operator.observe import read
from anomaly_operator.world.objects import Meta
from anomaly_operator.world.plan import Apply

MOST = 10_000
"""Objects remembered, some 500 bytes each; the one applied to longest ago is forgotten first, which
costs it one more apply."""
_Key = tuple[str, str, str]


class Padded:
    """Noted after each apply, asked before it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[_Key, tuple[Meta, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def unchanged(self, action: Apply) -> Meta | None:
        """The object that `action` would leave as it is; None where that is not known."""
        known = self._known.get(_key(action))
        if known is None or not action.version:
            return None
        meta, digest = known
        same = (meta.uid, meta.resource_version) == (action.uid, action.version)
        return meta if same and digest == _digest(action.manifest) else None

    def note(self, action: Apply, answer: Mapping[str, Any], *, unread: bool = False) -> None:
        """`answer`: the object as the API server has it after `action`; `unread`: too little of it
        is kept for the next comparison.
        """
        key = _key(action)
        self._known.pop(key, None)
        if not action.version:
            return
        live = read.child_object(answer)
        if not unread and contained(action.manifest, json.loads(live.body), live.meta.owners):
            return
        meta = replace(live.meta, labels={}, owners=())
        self._known[key] = (meta, _digest(action.manifest))
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def _key(action: Apply) -> _Key:
    metadata = action.manifest["metadata"]
    return (action.manifest["kind"], metadata["namespace"], metadata["name"])


def _digest(manifest: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(read.compact(manifest)).digest()
