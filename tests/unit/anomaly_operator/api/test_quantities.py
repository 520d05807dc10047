"""Quantities are exact numbers, whatever way they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anomaly_operator.api.quantities import (
    equal_quantities,
    larger_quantity,
    quantity,
    rounded_up,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64Mi", 64 << 20),
        ("1G", 10**9),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("128974848", 128974848),
        ("1.5Gi", 3 << 29),
        ("500m", Decimal("0.5")),
        ("+.5", Decimal("0.5")),
        ("-1.", -1),
        ("100n", Decimal("1e-7")),
    ],
)
def test_every_form_is_read(text: str, value: int | Decimal) -> None:
    assert quantity(text) == value


def test_no_digit_is_lost() -> None:
    digits = "1." + "0" * 40 + "1"
    assert quantity(digits + "Ei") - quantity("1Ei") == Decimal(2**60).scaleb(-41)
    assert not equal_quantities(digits + "Gi", "1Gi")


@pytest.mark.parametrize(
    "text", ["", "64 Mi", "Mi", "1mi", "1X", "lots", "1\n", "1e", "1..5", "NaN", "1e9999999999999"]
)
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity; write it as 500m, 1Gi or 2"):
        quantity(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1000m"), ("1Gi", "1073741824"), ("0.5", "500m"), ("1e3", "1k"), ("128Mi", "131072Ki")],
)
def test_quantities_are_compared_by_what_they_mean(one: str, other: str) -> None:
    assert equal_quantities(one, other)
    assert not equal_quantities(one, other + "0")


def test_a_size_only_grows() -> None:
    assert larger_quantity("5Gi", "5120Mi") == "5Gi"
    assert larger_quantity("5Gi", "6Gi") == "6Gi"
    assert larger_quantity("7Gi", "6Gi") == "7Gi"
    assert larger_quantity("7Gi", "lots") == "7Gi"


def test_the_downward_api_rounds_up() -> None:
    assert rounded_up("1500m", "1") == 2
    assert rounded_up("100Mi", "1Mi") == 100
    assert rounded_up("1073741825", "1Gi") == 2
    assert rounded_up("2", "0") == 2
