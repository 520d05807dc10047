"""The JSON of dataclasses: times as texts, keys of their own, what is left out, what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest

from detector_runtime.contract.codec import OMIT_DEFAULT, Key, Time, decode, dumps, encode, loads
from detector_runtime.contract.vocabulary import ContractError, Severity

NOON = 1_795_348_800
NOON_TEXT = "2026-11-22T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Visit:
    at: Time
    left: Time | None = None
    phase: Annotated[str, Key("state")] = ""
    worst: Annotated[Severity, OMIT_DEFAULT] = Severity.NONE


@dataclass(frozen=True, slots=True)
class Book:
    omit_empty: ClassVar[bool] = True

    count: int = 0
    title: str = ""
    visits: tuple[Visit, ...] = ()


def test_a_time_is_a_text_in_json_and_a_number_in_the_program() -> None:
    visit = Visit(NOON, NOON + 60)
    assert encode(visit) == {"at": NOON_TEXT, "left": "2026-11-22T12:01:00Z", "state": ""}
    assert loads(Visit, dumps(visit)) == visit


def test_a_time_with_another_offset_is_read_as_the_same_instant() -> None:
    assert decode(Visit, {"at": "2026-11-22T13:00:00+01:00"}) == Visit(NOON)


@pytest.mark.parametrize("document", [{}, {"left": None}, {"left": ""}])
def test_a_time_that_may_be_absent_is_none(document: dict[str, Any]) -> None:
    assert decode(Visit, {"at": NOON_TEXT, **document}).left is None
    assert "left" not in encode(Visit(NOON))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"^Visit\.at: missing$"),
        ({"at": ""}, r"^Visit\.at: '' is not an ISO 8601 time$"),
        ({"at": NOON}, r"^Visit\.at: expected a text, got 1795348800$"),
        ({"at": "soon"}, r"^Visit\.at: 'soon' is not an ISO 8601 time$"),
        ({"at": "2026-11-22T12:00:00"}, r"^Visit\.at: '2026-11-22T12:00:00' names no offset"),
        ({"at": NOON_TEXT, "left": "1969-12-31T23:59:59Z"}, r"^Visit\.left: '1969.*before 1970$"),
    ],
)
def test_a_time_that_is_none_is_refused_by_path_and_value(
    document: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        decode(Visit, document)


def test_the_path_leads_into_lists() -> None:
    with pytest.raises(ContractError, match=r"^Book\.visits\[1\]\.at: 'soon'"):
        decode(Book, {"visits": [{"at": NOON_TEXT}, {"at": "soon"}]})


def test_a_field_may_have_a_key_of_its_own() -> None:
    assert decode(Visit, {"at": NOON_TEXT, "state": "Open"}).phase == "Open"
    assert decode(Visit, {"at": NOON_TEXT, "phase": "Open"}).phase == ""


def test_a_default_may_be_left_out() -> None:
    assert encode(Visit(NOON, worst=Severity.LOW))["worst"] == "Low"
    assert "worst" not in encode(Visit(NOON))


def test_a_class_may_leave_out_what_is_empty_and_figures_stay() -> None:
    assert encode(Book()) == {"count": 0}
    full = Book(1, "x", (Visit(NOON),))
    assert encode(full) == {"count": 1, "title": "x", "visits": [{"at": NOON_TEXT, "state": ""}]}
    assert decode(Book, encode(full)) == full
