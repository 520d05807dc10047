"""The answer of a Prometheus range query as numbers, or an error that says what is wrong with it.

Pure: bytes in, values out. Nothing in the answer is trusted: types, order and duplicates are
checked, since proxies, federations and other vendors answer on the same API. The many ways to
write "nothing" (null, an empty list, a key left out) are all an empty answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from detector_runtime.errors import (
    QueryInvalidError,
    SourceUnavailableError,
    one_line,
)
from detector_runtime.series.frame import Floats, Ints
from detector_runtime.sources.completeness import Notes, notes_of

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Samples:
    """`times` (k,) unix seconds, rising; `values` (k,) as the source said them: NaN and both
    infinities stay what they are.
    """

    times: Ints
    values: Floats
    duplicates: int = 0
    notes: Notes = field(default_factory=Notes)


def parse_range(
    body: bytes,
    metric: str,
    query: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    harmless: tuple[str, ...] = (),
) -> Samples:
    """The one series of a successful answer; no series is no samples.

    QueryInvalidError for several series, SourceUnavailableError for what is no such answer.
    """
    document = _object(body)
    if document.get("status") != "success":
        raise SourceUnavailableError(
            f'metric {metric!r}: the source answered 200 without status "success"'
        )
    notes = notes_of(document, headers, harmless)
    series = [one for one in _series(document.get("data"), metric) if _holds_something(one)]
    if len(series) > 1:
        raise QueryInvalidError(
            f"metric {metric!r}: the query returns {len(series)} series and must return one; "
            f"wrap it in sum(...) or another aggregation: {one_line(query, 160)}"
        )
    if not series:
        return Samples(np.empty(0, np.int64), np.empty(0), 0, notes)
    values, histograms = series[0].get("values"), series[0].get("histograms")
    if not values:
        raise QueryInvalidError(
            f"metric {metric!r}: the query returns native histograms; it must return plain "
            f"numbers: {one_line(query, 160)}"
        )
    if histograms:
        left_out = f"metric {metric!r}: native histograms beside plain numbers are left out"
        notes = Notes(notes.gaps, (left_out, *notes.remarks))
    times, points, duplicates = _points(values, metric)
    return Samples(times, points, duplicates, notes)


def parse_marked(
    body: bytes,
    label: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    harmless: tuple[str, ...] = (),
) -> tuple[dict[str, Samples], Notes]:
    """The series of a successful answer by the value of `label`, which each of them has.

    QueryInvalidError where two have the same, SourceUnavailableError for what is no such answer.
    """
    document = _object(body)
    if document.get("status") != "success":
        raise SourceUnavailableError('the source answered 200 without status "success"')
    notes = notes_of(document, headers, harmless)
    found: dict[str, Samples] = {}
    for series in _series(document.get("data"), label):
        labels = series.get("metric")
        name = str(labels.get(label, "")) if isinstance(labels, Mapping) else ""
        if name in found:
            raise QueryInvalidError(
                f"{name}: the query returns several series and must return one; wrap it in "
                "sum(...) or another aggregation"
            )
        times, values, duplicates = _points(series.get("values") or (), name)
        found[name] = Samples(times, values, duplicates, notes)
    return found, notes


def parse_labelled(body: bytes, what: str) -> list[tuple[dict[str, str], float]]:
    """The labels of each series of a successful answer and its last value. SourceUnavailableError
    for what is no such answer."""
    document = _object(body)
    if document.get("status") != "success":
        raise SourceUnavailableError('the source answered 200 without status "success"')
    found = []
    for series in _series(document.get("data"), what):
        _, values, _ = _points(series.get("values") or (), what)
        labels = series.get("metric")
        if len(values):
            named = labels if isinstance(labels, Mapping) else {}
            found.append(({str(key): str(named[key]) for key in named}, float(values[-1])))
    return found


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


def _series(data: Any, metric: str) -> list[dict[str, Any]]:
    if data is None:
        return []
    kind = data.get("resultType") if isinstance(data, dict) else type(data).__name__
    if kind not in {"matrix", None, ""}:
        raise SourceUnavailableError(
            f"metric {metric!r}: the answer holds no matrix but a {one_line(str(kind), 40)}; "
            "does the url lead to a Prometheus API?"
        )
    result = data.get("result")
    if result is None:
        return []
    if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
        raise SourceUnavailableError(f"metric {metric!r}: the answer's result is no list of series")
    return result


def _holds_something(series: dict[str, Any]) -> bool:
    return bool(series.get("values") or series.get("histograms"))


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
    times, values = np.floor(stamps[sane]).astype(np.int64), values[sane]
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    last = np.append(times[1:] != times[:-1], True) if len(times) else np.empty(0, bool)
    return times[last], values[last], int(len(times) - last.sum())


def _number(text: Any) -> float:
    if text is None:
        return float("nan")
    if not isinstance(text, str):
        raise TypeError("a value is no string")
    return float(text)
