"""The manifest that a call brings: a text of somebody who need not mean well."""

from __future__ import annotations

from pathlib import Path

import yaml

from anomaly_cli.object_files import Objects, ServiceFileError, read_text

MAX_LETTERS = 262_144
"""Characters; more than an API server takes of one object."""
SAID = Path("manifest")
"""What messages call it."""


def read_manifest(text: str) -> Objects:
    """Its objects. Raises ServiceFileError.

    Aliases are refused: a few lines of them stand for more than fits into memory."""
    if "*" in text and _has_alias(text):
        raise ServiceFileError(
            f"{SAID}: aliases (*name) are not read here; write the values out where they stand"
        )
    return read_text(text, SAID)


def _has_alias(text: str) -> bool:
    try:
        return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))
    except yaml.YAMLError:
        return False  # `read_text` says what is wrong, or it is JSON
