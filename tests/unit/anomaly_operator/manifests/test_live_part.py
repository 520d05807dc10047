"""A training is told of so many live services that its config stays small, and yet of enough."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.manifests.run_config import MAX_LIVE, live_part

UIDS = [
    str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)) for number in range(3000)
]


@given(st.integers(MAX_LIVE + 1, len(UIDS)), st.integers(0, MAX_LIVE))
def test_of_many_those_with_the_same_first_digits_and_all_of_them(count: int, own: int) -> None:
    live = UIDS[:count]
    part = live_part(live[own], live)
    assert part is not None
    assert live[own] in part.uids
    assert len(part.uids) <= MAX_LIVE
    assert set(part.uids) == {uid for uid in live if uid.startswith(part.prefix)}


def test_all_trainings_together_look_at_nearly_every_folder() -> None:
    live, gone = UIDS[:2000], UIDS[2000:]
    found = (live_part(uid, live) for uid in live)
    prefixes = tuple({part.prefix for part in found if part is not None})
    assert all(uid.startswith(prefixes) for uid in gone)


def test_of_few_all_are_named() -> None:
    assert live_part(UIDS[0], UIDS[:MAX_LIVE]) is None
