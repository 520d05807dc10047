"""Names that the node agent and its clients share; imports nothing, so that they stay light."""

from __future__ import annotations

NODE_NAME = "sandbox"
STORAGE_CLASS = "sandbox"
AGENT_CONFIG = "node-agent.json"
"""File in the sandbox's folder from which the node agent reads its addresses."""
