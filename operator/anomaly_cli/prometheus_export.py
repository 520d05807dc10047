"""Series as Prometheus' own tools write them: the HTTP API's JSON, `promtool query range`, and
samples in the text or OpenMetrics format (`promtool tsdb dump-openmetrics`, `tsdb dump`).

Only what was exported with times is a recording: a page of `/metrics` is one moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from anomaly_cli.sheet import Series, Sheet, SheetError, joined

MAX_SERIES = 64
_NAME = "__name__"
_LABEL = re.compile(r'([A-Za-z_:][\w:.]*|"(?:[^"\\]|\\.)*")\s*=\s*"((?:[^"\\]|\\.)*)"')
_LABELS = r'\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}'
_SERIES_LINE = re.compile(rf"([A-Za-z_:][\w:]*)?\s*({_LABELS})?\s*=>\s*")
_POINT_LINE = re.compile(r"(\S+)\s+@\[([0-9.eE+]+)\]")
_SAMPLE_LINE = re.compile(
    rf"([A-Za-z_:][\w:]*)?({_LABELS})?\s+([-+]?[\w.+-]+)(?:\s+([0-9.eE+]+))?(?:\s+#.*)?"
)
_OPEN_METRICS = re.compile(r"# (?:TYPE|HELP|UNIT|EOF)\b")

Labels = dict[str, str]
Points = list[tuple[int, str, str]]


def prometheus_sheet(text: str) -> Sheet | None:
    """The series of `text` as a sheet, None where it has another format. Raises SheetError."""
    head = text.lstrip()[:2000]
    if head.startswith(("{", "[")):
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            if not _SAMPLE_LINE.fullmatch(head.splitlines()[0].strip()):
                raise SheetError(f"line {error.lineno} is not JSON: {error.msg}") from error
        else:
            return _sheet(_matrix(document), "the JSON of Prometheus' HTTP API")
    if any(_SERIES_LINE.fullmatch(line.strip()) for line in head.splitlines()):
        return _sheet(_promtool(text), "promtool's text")
    if _OPEN_METRICS.match(head) or _looks_sampled(head):
        return _sheet(_samples(text), "OpenMetrics text")
    return None


def _looks_sampled(head: str) -> bool:
    first = next((line.strip() for line in head.splitlines() if line.strip()), "")
    found = _SAMPLE_LINE.fullmatch(first)
    return bool(found and found.group(4) and (found.group(1) or found.group(2)))


def _matrix(document: Any) -> list[tuple[Labels, Points]]:
    """Of a reply of `query_range`, of its `data`, or of its `result` alone."""
    if isinstance(document, dict) and document.get("status") == "error":
        raise SheetError(f"Prometheus answered with an error: {document.get('error', '')}")
    found = document
    if isinstance(found, dict):
        found = found.get("data", found)
    if isinstance(found, dict):
        kind = found.get("resultType", "matrix")
        if kind != "matrix":
            raise SheetError(
                f"the result is a {kind}, one moment; export a range with /api/v1/query_range"
            )
        found = found.get("result")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SheetError(
            "the JSON has no data.result with series; export it with /api/v1/query_range"
        )
    return [(_labels_of(one), _values(number, one)) for number, one in enumerate(found, start=1)]


def _labels_of(series: Mapping[str, Any]) -> Labels:
    labels = series.get("metric")
    return {str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}


def _values(number: int, series: Mapping[str, Any]) -> Points:
    values = series.get("values")
    if not isinstance(values, list):
        what = "a native histogram" if "histograms" in series else "no values"
        raise SheetError(f"series {number} has {what}; query a number, such as a quantile or rate")
    try:
        # A line of one-line JSON says nothing, so points are counted.
        return [(place, str(at), str(value)) for place, (at, value) in enumerate(values, start=1)]
    except (TypeError, ValueError) as error:
        raise SheetError(f"series {number}: a value is no pair of time and number") from error


def _promtool(text: str) -> list[tuple[Labels, Points]]:
    found: list[tuple[Labels, Points]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        part = line.strip()
        if not part:
            continue
        point = _POINT_LINE.fullmatch(part)
        start = None if point else _SERIES_LINE.fullmatch(part)
        if start:
            found.append((_labels(start.group(1), start.group(2)), []))
        elif point and found:
            found[-1][1].append((number, point.group(2), point.group(1)))
        else:
            raise SheetError(
                f"line {number}: {part[:80]!r} is neither a series ('name =>') nor a value "
                "('1.5 @[1700000000]')"
            )
    return found


def _samples(text: str) -> list[tuple[Labels, Points]]:
    found: dict[tuple[tuple[str, str], ...], Points] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        part = line.strip()
        if not part or part.startswith("#"):
            continue
        sample = _SAMPLE_LINE.fullmatch(part)
        if sample is None:
            raise SheetError(
                f"line {number}: {part[:80]!r} is no sample ('name{{a=\"b\"}} 1 time')"
            )
        name, labels, value, stamp = sample.groups()
        if stamp is None:
            raise SheetError(
                f"line {number}: {part[:80]!r} has no time; a page of /metrics is one moment, so "
                "export a range with promtool or /api/v1/query_range"
            )
        key = tuple(sorted(_labels(name, labels).items()))
        found.setdefault(key, []).append((number, stamp, value))
    return [(dict(key), points) for key, points in found.items()]


def _labels(name: str | None, text: str | None) -> Labels:
    labels = {key.strip('"'): value for key, value in _LABEL.findall(text or "")}
    return {_NAME: name, **labels} if name else labels


def _sheet(found: list[tuple[Labels, Points]], what: str) -> Sheet:
    if not found:
        raise SheetError("there is no series in it; widen the range or check the query")
    if len(found) > MAX_SERIES:
        raise SheetError(
            f"there are {len(found)} series in it, more than {MAX_SERIES}; sum or select in the "
            "query, or with --match"
        )
    names = _names([labels for labels, _ in found])
    sheet = joined(
        (Series(name, points) for name, (_, points) in zip(names, found, strict=True)), "time"
    )
    sheet.notes.append(f"{what}: {len(found)} series: {', '.join(names)}")
    return sheet


def _names(series: list[Labels]) -> list[str]:
    """The metric's name where that tells the series apart; else with the labels that differ."""
    plain = [labels.get(_NAME, "value") for labels in series]
    if len(set(plain)) == len(plain):
        return plain
    return [name + _differing(labels, series) for name, labels in zip(plain, series, strict=True)]


def _differing(labels: Labels, series: Iterable[Labels]) -> str:
    others = list(series)
    shown = [
        f'{key}="{value}"'
        for key, value in sorted(labels.items())
        if key != _NAME and any(one.get(key) != value for one in others)
    ]
    return "{" + ", ".join(shown) + "}" if shown else ""
