"""What pods refer to: ConfigMaps, Secrets, tokens, claims. The reading side of volumes and env."""

from __future__ import annotations

from typing import Any, Protocol

Json = dict[str, Any]


class MissingReference(RuntimeError):  # noqa: N818 - reads as what it is
    """Something that the pod names is not there (yet); the pod waits for it."""


class Lookup(Protocol):
    """Reads objects of the pod's namespace."""

    async def config_map(self, name: str) -> Json | None: ...

    async def secret(self, name: str) -> Json | None: ...

    async def token(self, audience: str, seconds: int) -> str: ...

    async def claim_path(self, name: str) -> str: ...
