"""`--data`: a file with the calls, in one of three forms.

CSV with a line for each pair (`caller,callee` and, where they are known, `rate`,
`caller_namespace`, `callee_namespace`); JSON with a list of objects with the same fields; the JSON
that Prometheus answered to one of the queries of `formats`.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anomaly_cli.discovery import samples
from anomaly_cli.discovery.calls import Call, DiscoveryError, Peer, Traffic, added_up
from anomaly_cli.discovery.formats import Format

MAX_BYTES = 32 * 1024 * 1024
STANDARD_INPUT = "-"
_FIELDS = ("caller", "callee", "rate", "caller_namespace", "callee_namespace")


def read(path: Path, kind: Format | None, every: bool) -> tuple[Format | None, Traffic]:
    """The calls, and the format where the file is an answer of Prometheus; `kind` None: by its
    labels. Raises DiscoveryError, OSError."""
    shown = "standard input" if str(path) == STANDARD_INPUT else str(path)
    try:
        return _read(_text(path), kind, every)
    except DiscoveryError as error:
        raise DiscoveryError(f"{shown}: {error}") from error


def _read(text: str, kind: Format | None, every: bool) -> tuple[Format | None, Traffic]:
    if not text.lstrip().startswith(("{", "[")):
        return None, Traffic(_pairs(_csv(text)))
    document = samples.parsed(text, "the file")
    if isinstance(document, list):
        return None, Traffic(_pairs(enumerate(document, start=1)))
    series, notes = samples.series_of(document, {})
    kind = kind or samples.format_of(series)
    if kind is None and series:
        raise DiscoveryError(
            "the series have no labels that name two services; name the kind with --format, "
            "or give CSV with the columns caller and callee"
        )
    if kind is None:
        return None, Traffic(notes=notes)
    found = samples.traffic(kind, series, every)
    return kind, Traffic(found.calls, (*notes, *found.notes))


def _text(path: Path) -> str:
    if str(path) == STANDARD_INPUT:
        body = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise DiscoveryError(f"larger than {MAX_BYTES // 2**20} MiB; give a file per namespace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DiscoveryError(f"not UTF-8 ({error.reason}); save it as UTF-8") from error


def _csv(text: str) -> Iterable[tuple[int, Any]]:
    lines = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [name for name in _FIELDS[:2] if name not in (lines.fieldnames or ())]
    if missing:
        raise DiscoveryError(
            f"line 1 has no column {' and no column '.join(missing)}; "
            f"write {','.join(_FIELDS[:3])} there"
        )
    try:
        yield from ((lines.line_num, line) for line in lines)
    except csv.Error as error:
        raise DiscoveryError(f"line {lines.line_num}: {error}") from error


def _pairs(lines: Iterable[tuple[int, Any]]) -> tuple[Call, ...]:
    return added_up(_call(number, line) for number, line in lines)


def _call(number: int, line: Any) -> Call:
    if not isinstance(line, Mapping):
        raise DiscoveryError(f"entry {number} is no object with caller and callee")
    caller, callee, rate, caller_at, callee_at = (str(line.get(one) or "") for one in _FIELDS)
    if not caller.strip() or not callee.strip():
        raise DiscoveryError(f"entry {number} has no caller or no callee")
    return Call(
        Peer(caller_at.strip(), caller.strip()),
        Peer(callee_at.strip(), callee.strip()),
        _rate(number, rate.strip()),
    )


def _rate(number: int, text: str) -> float | None:
    if not text:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate) or rate < 0:
        raise DiscoveryError(f"entry {number}: rate is {text!r}; write calls a second, such as 0.5")
    return rate
