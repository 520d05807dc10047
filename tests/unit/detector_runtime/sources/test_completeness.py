"""What says that data is missing, and what is a remark on the query."""

from __future__ import annotations

from typing import Any

import pytest

from detector_runtime.sources.completeness import IS_PARTIAL, Notes, merged, notes_of


def notes(harmless: tuple[str, ...] = (), **document: Any) -> Notes:
    return notes_of(document, {}, harmless)


REMARKS = [
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity",
    'PromQL info: metric might not be a counter, name does not end in _total: "x" (1:10)',
    "PromQL warning: quantile value should be between 0 and 1, got 95 (1:20)",
    "1 more info annotations omitted",
    "12 more warning annotations omitted",
    "query: PromQL info: metric might not be a counter",
]
GAPS = [
    "store 3 did not answer",
    "receive series from Addr: 10.1.2.3:10901 LabelSets: {}: rpc error: code = Unavailable",
    "No StoreAPIs matched for this query",
    "query result may contain partial data",
    "remote_read: remote server http://far/ returned HTTP status 500",
    "results truncated due to limit",
    "fetching series that PromQL warning texts mention failed",
]


@pytest.mark.parametrize("key", ["warnings", "infos"])
@pytest.mark.parametrize("text", REMARKS)
def test_an_annotation_of_the_query_is_a_remark_wherever_it_stands(key: str, text: str) -> None:
    assert notes(**{key: [text]}) == Notes(remarks=(text,))


@pytest.mark.parametrize("text", GAPS)
def test_every_other_warning_says_that_data_is_missing(text: str) -> None:
    assert notes(warnings=[text]) == Notes(gaps=(text,))


def test_a_gap_behind_many_remarks_is_not_lost() -> None:
    found = notes(warnings=[f"PromQL info: {k}" for k in range(9)] + ["store 3 did not answer"])
    assert found.gaps == ("store 3 did not answer",)
    assert len(found.remarks) == 4


@pytest.mark.parametrize("given", [{"isPartial": True}, {"data": {"isPartial": True}}])
def test_is_partial_is_a_gap(given: dict[str, Any]) -> None:
    assert notes(**given).gaps == (IS_PARTIAL,)


@pytest.mark.parametrize("given", [{"isPartial": False}, {"isPartial": None}, {}])
def test_a_complete_answer_has_no_gap(given: dict[str, Any]) -> None:
    assert notes(**given) == Notes()


def test_results_that_m3_left_out_are_a_gap() -> None:
    """https://m3db.io/docs/operational_guide/resource_limits/"""
    headers = {"m3-results-limited": "max_fetch_series_limit_applied"}
    assert "max_fetch_series_limit_applied" in notes_of({}, headers, ()).gaps[0]


def test_what_the_administrator_calls_harmless_is_a_remark() -> None:
    text = "query samples processed 1200 is above the warning threshold"
    assert notes(("query samples processed",), warnings=[text]) == Notes(remarks=(text,))


@pytest.mark.parametrize("given", ["store 3 did not answer", ["store 3 did not answer", None, 7]])
def test_a_lone_text_and_a_mixed_list_are_read(given: Any) -> None:
    assert notes(warnings=given).gaps == ("store 3 did not answer",)


def test_notes_of_several_answers_say_everything_once() -> None:
    one, two = Notes(("a",), ("x",)), Notes(("a", "b"), ("x",))
    assert merged([one, two]) == Notes(("a", "b"), ("x",))
