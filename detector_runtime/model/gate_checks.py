"""What the gate found of a model: its checks, and whether all of them passed.

Nothing is measured here, and nothing is decided about what becomes of a model that failed.
"""

from __future__ import annotations

from dataclasses import dataclass

NEAR_SHARE = 0.1
"""By how much of its limit a check may miss it and still pass, with a warning. Another seed or one
more day of data moves a value by less: without the band it would pass one day and fail the next."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate: `value` against `limit`; `at_least` says which side passes."""

    name: str
    value: float
    limit: float
    at_least: bool

    @property
    def clear(self) -> bool:
        """Whether the limit itself is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def passed(self) -> bool:
        """Whether the value keeps the limit or misses it by at most NEAR_SHARE of it."""
        slack = NEAR_SHARE * self.limit
        if self.at_least:
            return self.value >= self.limit - slack
        return self.value <= self.limit + slack

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.name} {self.value:.3g}, wanted {sign} {self.limit:.3g}"


@dataclass(frozen=True, slots=True)
class Validation:
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        return tuple(str(check) for check in self.checks if not check.passed)

    @property
    def near(self) -> tuple[str, ...]:
        """The checks that missed their limit and passed."""
        return tuple(str(check) for check in self.checks if check.passed and not check.clear)
