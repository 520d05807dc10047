"""A document as one line of text: what only programs read, kept out of `kubectl describe`.

gzip and base64, so that `base64 -d | gunzip` shows it in a shell. Standard library only, and zlib
instead of the module gzip, whose import the scoring pod would pay for once a minute.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from detector_runtime.contract.vocabulary import MAX_WINDOWS, ContractError, RunOutcome

MAX_RECORD = 131_072
"""Characters of a record; the CRD admits no more."""
MAX_DOCUMENT_BYTES = 1_048_576
"""Of JSON in a record: nobody gets more memory out of a small text."""
MAX_TEXT = 1024
_GZIP = 16 + zlib.MAX_WBITS
_RECORD = "record"
_SHOWN = ("formatVersion", "scoredThrough")
"""What people and columns read of a detection, besides a run that failed. `scoredFrom` is not among
them: a reader that knows no records takes the newest window for the whole span, and not 64 windows
for Normal."""


def packed(document: dict[str, Any]) -> str:
    """`document` as text; equal documents give equal texts."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return base64.b64encode(compressor.compress(text.encode()) + compressor.flush()).decode()


def unpacked(text: str, where: str) -> dict[str, Any]:
    """The document in a record; ContractError names `where` it cannot be read."""
    if len(text) > MAX_RECORD:
        raise ContractError(f"{where}: has {len(text)} characters, at most {MAX_RECORD} are read")
    try:
        decompressor = zlib.decompressobj(_GZIP)
        found = decompressor.decompress(base64.b64decode(text, validate=True), MAX_DOCUMENT_BYTES)
        if not decompressor.eof:
            raise ContractError(f"{where}: is cut or holds more than {MAX_DOCUMENT_BYTES} bytes")
        document = json.loads(found)
    except (ValueError, RecursionError, zlib.error) as error:
        raise ContractError(f"{where}: is no base64 of gzipped JSON ({error})") from error
    if not isinstance(document, dict):
        raise ContractError(f"{where}: holds no object")
    return document


def shown_detection(document: dict[str, Any]) -> dict[str, Any]:
    """`.status.detection` as it is written: what people read, and all of it as a record."""
    shown = {key: document[key] for key in _SHOWN if document.get(key)}
    run = {key: value for key, value in document.get("run", {}).items() if value}
    if run.get("outcome") != RunOutcome.SUCCEEDED.value:
        shown["run"] = run
    return {**shown, _RECORD: packed(document)}


def whole_detection(shown: dict[str, Any]) -> dict[str, Any]:
    """The document in `.status.detection`, also of a release that wrote no record."""
    text = shown.get(_RECORD)
    if not isinstance(text, str):
        return shown
    document = unpacked(text, "status.detection.record")
    _check(document, "status.detection.record")
    return document


def _check(value: Any, where: str) -> None:
    """Hold a record to the bounds that the schema has for fields: a pod of the service wrote it."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ContractError(f"{where}: a text has {len(value)} characters, at most {MAX_TEXT} fit")
    if isinstance(value, list) and len(value) > MAX_WINDOWS:
        raise ContractError(f"{where}: a list has {len(value)} items, at most {MAX_WINDOWS} fit")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(item, f"{where}.{key}"[:128])
    elif isinstance(value, list):
        for item in value:
            _check(item, where)
