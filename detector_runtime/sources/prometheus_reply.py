"""The answer of a Prometheus range query as numbers, or an error that says what is wrong with it.

Pure: bytes in, values out. Nothing in the answer is trusted: types, order and duplicates are
checked, since proxies, federations and other vendors answer on the same API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from detector_runtime.errors import (
    QueryInvalidError,
    RunError,
    SourceUnauthorizedError,
    SourceUnavailableError,
    one_line,
)
from detector_runtime.series.frame import Floats, Ints


@dataclass(frozen=True, slots=True)
class Samples:
    """`times` (k,) unix seconds, rising; `values` (k,) as the source said them, NaN and Inf too."""

    times: Ints
    values: Floats
    duplicates: int = 0
    warnings: tuple[str, ...] = ()


NO_SAMPLES = Samples(np.empty(0, np.int64), np.empty(0))


def parse_range(body: bytes, metric: str, query: str) -> Samples:
    """The one series of a successful answer; no series is no samples.

    QueryInvalidError for several series, SourceUnavailableError for what is no such answer.
    """
    document = _object(body)
    if document.get("status") != "success":
        raise SourceUnavailableError(
            f'metric {metric!r}: the source answered 200 without status "success"'
        )
    data = document.get("data")
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise SourceUnavailableError(f"metric {metric!r}: the answer holds no matrix")
    if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
        raise SourceUnavailableError(f"metric {metric!r}: the answer's result is no list of series")
    warnings = _texts(document.get("warnings"))
    if len(result) > 1:
        raise QueryInvalidError(
            f"metric {metric!r}: the query returns {len(result)} series and must return one; "
            f"wrap it in sum(...) or another aggregation: {one_line(query, 160)}"
        )
    if not result:
        return Samples(NO_SAMPLES.times, NO_SAMPLES.values, 0, warnings)
    if "values" not in result[0]:
        kind = "native histograms" if "histograms" in result[0] else "no values"
        raise QueryInvalidError(
            f"metric {metric!r}: the query returns {kind}; it must return plain numbers: "
            f"{one_line(query, 160)}"
        )
    times, values, duplicates = _points(result[0]["values"], metric)
    return Samples(times, values, duplicates, warnings)


def refused(status: int, body: bytes, metric: str, query: str, source: str) -> RunError:
    """The error for an answer other than 200."""
    said = _message(body)
    if status in {401, 403}:
        return SourceUnauthorizedError(
            f"source {source!r} answers {status}; check the credentials in its Secret"
        )
    if status in {400, 422}:
        return QueryInvalidError(
            f"metric {metric!r}: {said or f'the source answers {status}'}; "
            f"query: {one_line(query, 160)}"
        )
    if 300 <= status < 400:
        return SourceUnavailableError(
            f"source {source!r} answers {status}, and redirects are not followed; give the "
            "address that it redirects to"
        )
    if status == 404:
        return SourceUnavailableError(
            f"source {source!r} answers 404; check the path in the source's url"
        )
    tail = f": {said}" if said else ""
    return SourceUnavailableError(f"source {source!r} answers {status}{tail}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceUnavailableError(
            "the source's answer is not JSON; does the url lead to a Prometheus API?"
        ) from error
    if not isinstance(document, dict):
        raise SourceUnavailableError("the source's answer is no JSON object")
    return document


def _message(body: bytes) -> str:
    try:
        said = json.loads(body).get("error")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return one_line(said, 200) if isinstance(said, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one_line(item, 160) for item in value[:4] if isinstance(item, str))


def _points(raw: Any, metric: str) -> tuple[Ints, Floats, int]:
    try:
        stamps = np.array([float(point[0]) for point in raw])
        values = np.array([_number(point[1]) for point in raw])
        if not all(len(point) == 2 for point in raw):
            raise ValueError("a sample has other than two parts")
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise SourceUnavailableError(
            f'metric {metric!r}: a sample is not [time, "value"]'
        ) from error
    sane = np.isfinite(stamps) & (np.abs(stamps) < 2**53)
    times = np.floor(stamps[sane]).astype(np.int64)
    values = values[sane]
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    last = np.append(times[1:] != times[:-1], True) if len(times) else np.empty(0, bool)
    return times[last], values[last], int(len(times) - last.sum())


def _number(text: Any) -> float:
    if not isinstance(text, str):
        raise TypeError("a value is no string")
    return float(text)
