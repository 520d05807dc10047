"""The answer of a Prometheus to an instant or range query, as calls.

Bytes in, values out; nothing in the answer is trusted. What is no call from one service to another
is left out and counted.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_cli.discovery.calls import Call, DiscoveryError, Traffic, added_up, shown
from anomaly_cli.discovery.formats import READINGS, Format, Reading, is_known
from detector_runtime.sources.completeness import notes_of

MAX_SERIES = 20_000
Labels = Mapping[str, str]

_NO_REQUEST = {
    "database": "databases",
    "messaging_system": "message queues, whose receiver delays no sender",
    "virtual_node": "peers without traces",
}


def series_of(document: Any, headers: Mapping[str, str]) -> tuple[list[Any], tuple[str, ...]]:
    """The series of an answer, and what it says of missing data. Raises DiscoveryError."""
    if not isinstance(document, dict):
        raise DiscoveryError("the answer is no JSON object of Prometheus' HTTP API")
    if document.get("status") == "error":
        raise DiscoveryError(f"the source refuses the query: {document.get('error', '')}")
    data = document.get("data")
    found = data.get("result") if isinstance(data, dict) else None
    if found is None:
        found = []
    if not isinstance(found, list):
        raise DiscoveryError("the answer has no data.result with series")
    if len(found) > MAX_SERIES:
        raise DiscoveryError(
            f"the answer has {len(found)} series, more than {MAX_SERIES}; "
            "save the answer for one namespace and pass it with --data"
        )
    gaps = notes_of(document, headers, ()).gaps
    return found, tuple(f"the source says that data is missing: {gap}" for gap in gaps)


def parsed(body: bytes | str, what: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DiscoveryError(f"{what} is not JSON: {error}") from error


def format_of(series: list[Any]) -> Format | None:
    """Of a saved answer: by the labels that its series have."""
    labels = {name for one in series[:100] for name in _labels(one)}
    for kind in (Format.ISTIO, Format.OTEL, Format.SPANS):
        reading = READINGS[kind]
        sides = (reading.caller, reading.callee)
        if all(labels & {*side.names, *side.hosts} for side in sides):
            return kind
    return None


def traffic(kind: Format, series: list[Any], every: bool) -> Traffic:
    """`every`: also databases, message queues and peers without traces. Raises DiscoveryError."""
    reading = READINGS[kind]
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    calls = []
    for one in series:
        labels = _labels(one)
        rate = _rate(one)
        if rate is None or rate <= 0:
            continue
        call = _call(reading, labels, rate, every, left_out)
        if call is not None:
            calls.append(call)
    notes = [
        f"left out: calls to {why}: {shown(sorted(set(who)))}" for why, who in left_out.items()
    ]
    return Traffic(added_up(calls), tuple(sorted(notes)))


def _call(
    reading: Reading,
    labels: Labels,
    rate: float,
    every: bool,
    left_out: Mapping[str, list[str]],
) -> Call | None:
    caller, callee = reading.caller.peer(labels), reading.callee.peer(labels)
    if callee is None:
        left_out["hosts outside the cluster"].append(_first_host(reading, labels))
        return None
    if caller is None or not is_known(caller) or not is_known(callee):
        return None
    connection = labels.get(reading.connection, "")
    kind = "database" if connection and reading.connection == "db_system" else connection
    if kind in _NO_REQUEST and not every:
        left_out[_NO_REQUEST[kind]].append(callee.name)
        return None
    return Call(caller, callee, rate)


def _first_host(reading: Reading, labels: Labels) -> str:
    return next(labels[one] for one in reading.callee.hosts if labels.get(one))


def _labels(series: Any) -> Labels:
    found = series.get("metric") if isinstance(series, dict) else None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _rate(series: Any) -> float | None:
    """Of an instant query the value, of a range query the mean; a value that is missing is none."""
    points = series.get("values") or [series.get("value")] if isinstance(series, dict) else []
    known = [value for value in _numbers(points) if math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _numbers(points: Any) -> Iterator[float]:
    for point in points:
        try:
            yield float(point[1])
        except (TypeError, ValueError, IndexError, KeyError):
            continue
