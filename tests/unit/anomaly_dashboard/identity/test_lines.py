"""Each person has a line of their own, which is kept while it is used."""

from __future__ import annotations

import pytest

from anomaly_dashboard.identity.caller import Caller
from unit.anomaly_dashboard.identity.house import House


async def test_a_line_is_kept_for_a_minute_and_never_shared(house: House) -> None:
    ann, bob, lines = house.caller("ann"), house.caller("bob"), house.register.lines
    async with lines.of(ann) as first, lines.of(bob) as another:
        assert first is not another
        house.now += 1000
        async with lines.of(ann) as again:
            assert again is first
    house.now += 59
    async with lines.of(ann) as again:
        assert again is first
    house.now += 61
    async with lines.of(bob) as again:
        assert again is not another
    async with lines.of(ann) as again:
        assert again is not first


async def test_who_has_no_credentials_has_no_line(house: House) -> None:
    with pytest.raises(ValueError, match="no credentials"):
        async with house.register.lines.of(Caller("ann", "ann", "")):
            pass
