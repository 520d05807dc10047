"""Kubernetes quantities as exact numbers: `1000m` and `1`, `1Gi` and `1073741824` are equal.

The API server rewrites quantities, so comparing text would see a difference for ever, and write.
The `kubernetes` package has a parser too, which would load its generated client.
"""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from fractions import Fraction

_QUANTITY = re.compile(
    r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:([eE][+-]?[0-9]{1,3})|([A-Za-z]*))"
)
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}


def quantity(text: str) -> Decimal:
    """The number that `text` stands for, in base units (bytes, cores). Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None or (match[3] or "") not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity; write it as 500m, 1Gi or 2")
    # As many digits as the product of the text and the longest suffix can have.
    exact = decimal.Context(prec=len(text) + len(str(2**60)), traps=[decimal.Inexact])
    return exact.multiply(Decimal(match[1] + (match[2] or "")), _SUFFIXES[match[3] or ""])


def rounded_up(text: str, divisor: str) -> int:
    """`text` in units of `divisor`, rounded up; a divisor of zero is 1, as in the downward API."""
    unit = quantity(divisor) or Decimal(1)
    return math.ceil(Fraction(quantity(text)) / Fraction(unit))


def equal_quantities(one: str, other: str) -> bool:
    try:
        return quantity(one) == quantity(other)
    except ValueError:
        return one == other


def larger_quantity(one: str, other: str) -> str:
    """The text of the larger; `one` where they are equal or cannot be compared."""
    try:
        return other if quantity(other) > quantity(one) else one
    except ValueError:
        return one
