"""Names that the node agent and its clients share; imports nothing, so that they stay light."""

from __future__ import annotations

NODE_NAME = "sandbox"
STORAGE_CLASS = "sandbox"
