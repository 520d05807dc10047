"""What a source says beside its data: that something is missing, or a remark on the query.

A missing part makes the whole answer partial: "normal" then proves nothing. A remark is shown and
changes nothing. Known as remarks are Prometheus' annotations ("PromQL info: ...", "PromQL warning:
...") and its count of those left out, wherever they stand, and what the administrator lists as
`harmlessWarnings`. Everything else in `warnings` is taken for missing data, as Thanos, Cortex and
Mimir say it there; VictoriaMetrics sets `isPartial`, M3 a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from detector_runtime.errors import one_line

MAX_SHOWN = 4
"""Texts of one kind that an answer may add to a report."""
IS_PARTIAL = "the source says that its answer is partial (isPartial)"
# prometheus/util/annotations: the two prefixes, and the line after the tenth annotation. Thanos and
# query front ends put a word before it.
_REMARK = re.compile(
    r"([\w -]{1,40}: )?PromQL (info|warning)\b|\d+ more (info|warning) annotations omitted",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Notes:
    """`gaps`: texts that say that data is missing; `remarks`: what else was said. Unbounded in
    number of answers, at most MAX_SHOWN of each kind from one.
    """

    gaps: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def notes_of(
    document: Mapping[str, Any], headers: Mapping[str, str], harmless: tuple[str, ...]
) -> Notes:
    """`document`: the answer's JSON object; `headers` by lower-case name."""
    warnings = _texts(document.get("warnings"))
    remarks = [text for text in warnings if _is_remark(text, harmless)]
    gaps = [text for text in warnings if not _is_remark(text, harmless)]
    if _partial(document) or _partial(document.get("data")):
        gaps.append(IS_PARTIAL)
    if limited := headers.get("m3-results-limited", ""):
        gaps.append(f"the source left out results: {limited}")
    return Notes(_shown(gaps), _shown([*remarks, *_texts(document.get("infos"))]))


def merged(parts: Iterable[Notes]) -> Notes:
    """All that was said, once each."""
    found = tuple(parts)
    gaps = dict.fromkeys(text for part in found for text in part.gaps)
    remarks = dict.fromkeys(text for part in found for text in part.remarks)
    return Notes(tuple(gaps), tuple(remarks))


def _is_remark(text: str, harmless: tuple[str, ...]) -> bool:
    return _REMARK.match(text) is not None or text.startswith(harmless)


def _partial(document: Any) -> bool:
    found = document.get("isPartial") if isinstance(document, Mapping) else None
    return found is True or (isinstance(found, str) and found.lower() == "true")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return []
    return [text for item in value if isinstance(item, str) and (text := item.strip())]


def _shown(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one_line(text, 160) for text in texts[:MAX_SHOWN]))
