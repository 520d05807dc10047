"""Fields are read with their type, and a complaint has the path and the value."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from anomaly_operator.api.fields import Fields, SettingsError, SpecError
from anomaly_operator.api.reasons import Reason


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


READS: list[tuple[Callable[[Fields], Any], Any]] = [
    (lambda fields: fields.text("x", "d"), "d"),
    (lambda fields: fields.flag("x", default=True), True),
    (lambda fields: fields.integer("x", 3), 3),
    (lambda fields: fields.number("x", 3.0, 0, 9), 3.0),
    (lambda fields: fields.choice("x", Colour.RED), Colour.RED),
    (lambda fields: fields.optional_choice("x", Colour), None),
    (lambda fields: fields.seconds("x", 3.0), 3.0),
    (lambda fields: fields.whole_seconds("x", 3), 3),
    (lambda fields: fields.decimal("x"), None),
    (lambda fields: fields.share("x"), None),
    (lambda fields: fields.texts("x"), ()),
    (lambda fields: fields.text_map("x"), {}),
    (lambda fields: fields.quantities("x"), {}),
    (lambda fields: fields.mapping("x", {"a": 1}), {"a": 1}),
    (lambda fields: fields.mappings("x"), ()),
    (lambda fields: list(fields.items("x")), []),
    (lambda fields: fields.child("x").has("y"), False),
]


@pytest.mark.parametrize(("read", "default"), READS)
@pytest.mark.parametrize("document", [{}, {"x": None}])
def test_an_absent_or_null_field_gives_the_default(
    document: dict[str, Any], read: Callable[[Fields], Any], default: Any
) -> None:
    assert read(Fields(document, "spec")) == default


@pytest.mark.parametrize("read", [read for read, _ in READS])
def test_whatever_does_not_fit_is_a_spec_error_with_its_path(read: Callable[[Fields], Any]) -> None:
    with pytest.raises(SpecError) as refused:
        read(Fields({"x": object()}, "spec"))
    assert refused.value.problem.field == "spec.x"
    assert refused.value.problem.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (lambda fields: fields.integer("x", 0, 2), 1, "spec.x: 1 is less than 2"),
        (lambda fields: fields.integer("x", 0, 2, 4), 5, "spec.x: 5 is not between 2 and 4"),
        (lambda fields: fields.integer("x", 0), 1.5, "spec.x: 1.5 is not a whole number"),
        (lambda fields: fields.seconds("x", 0, 60), "5s", "spec.x: 5s is less than 60s"),
        (lambda fields: fields.seconds("x", 0), "", "spec.x: '' is not a duration"),
        (lambda fields: fields.whole_seconds("x", 0), "1500ms", "spec.x: 1500ms is not a whole"),
        (lambda fields: fields.choice("x", Colour.RED), "Green", "'Green' is none of Red, Blue"),
        (lambda fields: fields.choice("x", Colour.RED), ["Red"], "is none of Red, Blue"),
        (lambda fields: fields.share("x"), "5", "spec.x: '5' is not a percentage; write it as 0.5"),
        (lambda fields: fields.decimal("x"), "nan", "spec.x: 'nan' is not a decimal"),
        (lambda fields: fields.clock("x"), "24:00", "spec.x: '24:00' is not a time of day"),
        (lambda fields: fields.moment("x"), "2026-01-01T00:00:00", "is not a time; write it as"),
        (lambda fields: fields.texts("x"), ["a", 1], "spec.x: 1 is not a string; put it in quotes"),
        (lambda fields: fields.text_map("x"), {"a": 1}, "spec.x: expected a mapping of strings"),
        (lambda fields: fields.quantities("x"), {"a": 0.5}, "spec.x: expected a mapping of quant"),
        (lambda fields: fields.mappings("x"), [1], "expected a list of mappings, found 1 in it"),
        (lambda fields: fields.items("x").__next__(), [1], "spec.x[0]: expected a mapping"),
        (lambda fields: fields.child("x"), [1], "spec.x: expected a mapping, found [1]"),
    ],
)
def test_a_complaint_names_the_path_the_value_and_what_to_write(
    read: Callable[[Fields], Any], value: Any, message: str
) -> None:
    with pytest.raises(SpecError) as refused:
        read(Fields({"x": value}, "spec"))
    assert message in str(refused.value)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(SpecError) as refused:
        Fields({"x": ["y" * 10_000]}, "spec").text("x")
    assert len(str(refused.value)) < 300


def test_a_whole_float_is_a_whole_number() -> None:
    assert Fields({"x": 6.7108864e07}, "spec").integer("x", 0) == 67_108_864


def test_keys_that_nobody_read_are_refused_when_asked() -> None:
    fields = Fields({"a": 1, "b": {"c": 2, "d": 3}}, "", SettingsError)
    fields.integer("a", 0)
    child = fields.child("b")
    fields.done()
    child.integer("c", 0)
    with pytest.raises(SettingsError, match=r"^unknown setting b\.d; see the settings reference$"):
        child.done()
