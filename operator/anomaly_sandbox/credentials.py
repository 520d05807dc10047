"""Tokens and keys of one sandbox, made afresh for each, readable by its user only."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from anomaly_sandbox.control import write_file

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# SEC 1 ECPrivateKey for P-256 with the public key left out: the reader derives it.
_DER_HEAD = bytes.fromhex("30310201010420")
_DER_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Each part of the sandbox is a user of its own, so that the audit log tells them apart."""

    admin: str
    node_agent: str
    controller_manager: str


def write_tokens(path: Path) -> Tokens:
    """Writes the API server's token file: token, user, uid, groups."""
    tokens = Tokens(*(secrets.token_urlsafe(32) for _ in range(3)))
    users = {
        "sandbox-admin": tokens.admin,
        "sandbox-node-agent": tokens.node_agent,
        "system:kube-controller-manager": tokens.controller_manager,
    }
    lines = [f'{token},{user},{user},"system:masters"' for user, token in users.items()]
    write_file(path, "\n".join(lines) + "\n")
    return tokens


def write_signing_key(path: Path) -> Path:
    """A private key on P-256 that signs the tokens of service accounts."""
    number = 1 + secrets.randbelow(_P256_ORDER - 1)
    der = _DER_HEAD + number.to_bytes(32, "big") + _DER_TAIL
    body = base64.encodebytes(der).decode()
    write_file(path, f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")
    return path
