"""Reads Kubernetes quantities (`64Mi`, `500m`, `1e3`)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_SUFFIX = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
_FRACTION = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001")}
_PATTERN = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?i?)")


def parse(text: str | int) -> Decimal:
    """The value in base units; ValueError when it is no quantity."""
    found = _PATTERN.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is not a quantity such as 64Mi or 500m")
    number, suffix = found.groups()
    factor = _FRACTION.get(suffix) or _SUFFIX.get(suffix)
    if factor is None:
        raise ValueError(f"{text!r} is not a quantity such as 64Mi or 500m")
    return Decimal(number) * factor


def ceil_div(value: str | int, divisor: str | int) -> int:
    """How the downward API writes a resource: value over divisor, rounded up."""
    by = parse(divisor)
    return math.ceil(parse(value) / (by or Decimal(1)))
