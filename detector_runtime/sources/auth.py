"""Credentials for a metrics source, read from the mounted Secret when they are needed.

Keys of the Secret: `token` for Bearer; `username` and `password` for Basic (the keys of
`kubernetes.io/basic-auth`). The values go into one request header and nowhere else: `Credentials`
does not print them, and `redact` takes them out of whatever a server sends back.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.vocabulary import AuthType
from detector_runtime.errors import SecretMissingError, SourceUnauthorizedError

MAX_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """`header`: the Authorization header's value, empty for none."""

    header: str = field(default="", repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """`text` with every credential replaced."""
        for secret in self.hidden:
            text = text.replace(secret, "***")
        return text


def load_credentials(source: SourceSpec, folder: Path) -> Credentials:
    """Read what `source.auth` wants from `folder`; SecretMissingError when it is not there."""
    if source.auth is AuthType.BEARER:
        token = _read(source, folder, "token")
        return Credentials(f"Bearer {token}", (token,))
    if source.auth is AuthType.BASIC:
        username = _read(source, folder, "username")
        password = _read(source, folder, "password")
        encoded = b64encode(f"{username}:{password}".encode()).decode("ascii")
        return Credentials(f"Basic {encoded}", (encoded, password))
    return Credentials()


def _read(source: SourceSpec, folder: Path, key: str) -> str:
    try:
        with (folder / key).open("rb") as file:
            text = file.read(MAX_SECRET_BYTES).decode("utf-8").strip()
    except OSError as error:
        raise SecretMissingError(
            f"source {source.name!r} wants {source.auth} credentials, and its Secret has no key "
            f"{key!r} here; create the Secret in this namespace with that key"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceUnauthorizedError(
            f"source {source.name!r}: key {key!r} of its Secret is not text"
        ) from error
    if not text:
        raise SecretMissingError(f"source {source.name!r}: key {key!r} of its Secret is empty")
    if not text.isprintable() or (key == "token" and not text.isascii()):
        raise SourceUnauthorizedError(
            f"source {source.name!r}: key {key!r} of its Secret holds a character that cannot "
            "stand in a header"
        )
    return text
