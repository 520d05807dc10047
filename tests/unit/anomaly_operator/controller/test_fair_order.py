"""Groups share the work queue in rounds, whatever one of them adds."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.controller.fair_order import FairOrder

Key = tuple[str, int]
"""Group and number."""
URGENT, USUAL, LATER = range(3)


def order() -> FairOrder[Key]:
    return FairOrder(lambda key: key[0])


def groups(of: FairOrder[Key], most: int = 1000) -> str:
    return "".join(of.take()[0] for _ in range(min(most, len(of))))


def filled(**sizes: int) -> FairOrder[Key]:
    found, tickets = order(), count()
    for group, size in sizes.items():
        for number in range(size):
            found.add((group, number), USUAL, next(tickets))
    return found


def test_groups_take_turns() -> None:
    assert groups(filled(a=4, b=2, c=1)) == "abcabaa"


def test_a_newcomer_goes_before_the_backlogs() -> None:
    found = filled(a=100, b=100)
    assert groups(found, 20) == "ab" * 10
    found.add(("quiet", 0), USUAL, 1000)
    assert {found.take()[0] for _ in range(3)} == {"a", "b", "quiet"}


def test_more_urgent_keys_of_another_do_not_hold_up_a_group() -> None:
    found = filled(quiet=1)
    for number in range(100):
        found.add(("noisy", number), URGENT, 1000 + number)
    assert groups(found, 3) == "noisy" + "quiet" + "noisy"


def test_a_key_that_comes_again_and_again_does_not_hold_up_a_group() -> None:
    found, tickets = filled(quiet=10), count(1000)
    taken = []
    for _ in range(20):
        found.add(("noisy", 0), URGENT, next(tickets))
        taken.append(found.take()[0])
    assert Counter(taken) == {"quiet": 10, "noisy": 10}


def test_in_a_round_the_most_urgent_goes_first_and_then_who_came_first() -> None:
    found = order()
    for ticket, (group, urgency) in enumerate(
        [("a", LATER), ("b", USUAL), ("c", URGENT), ("d", USUAL)]
    ):
        found.add((group, 0), urgency, ticket)
    assert groups(found) == "cbda"


def test_a_more_urgent_wish_moves_the_key_and_its_group() -> None:
    found = filled(a=1, b=2)
    found.add(("b", 1), URGENT, 10)
    assert [found.take() for _ in range(3)] == [("b", 1), ("a", 0), ("b", 0)]
    with pytest.raises(IndexError):
        found.take()


def test_nothing_is_kept_of_groups_that_have_left() -> None:
    found, tickets = filled(stays=10_000), count(100_000)
    for number in range(5000):
        found.add((f"guest{number}", 0), URGENT, next(tickets))
        found.take()
        found.take()
    assert len(found._lines) <= 2
    assert len(found._served) <= 2
    assert len(found._heads) <= 4


def test_superseded_wishes_do_not_pile_up() -> None:
    found, tickets = filled(noisy=1, quiet=1), count(10)
    for number in range(5000):
        for urgency in (LATER, USUAL, URGENT):
            found.add(("noisy", number % 7), urgency, next(tickets))
        found.take()
    assert len(found._heads) < 100
    assert sum(len(line.entries) for line in found._lines.values()) < 300


adds = st.tuples(st.sampled_from("abcd"), st.integers(0, 6), st.integers(0, 2))
steps = st.lists(st.one_of(adds, st.none()), max_size=150)
"""An add of group, number and urgency, or None: a take."""


@given(steps)
def test_each_key_once_by_urgency_and_ticket_and_no_group_is_passed_over(
    moves: list[tuple[str, int, int] | None],
) -> None:
    found, tickets = order(), count()
    waiting: dict[Key, tuple[int, int]] = {}
    passed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for move in [*moves, *[None] * len(moves)]:
        assert len(found) == len(waiting)
        if move is not None:
            group, number, urgency = move
            ticket = next(tickets)
            found.add((group, number), urgency, ticket)
            waiting[group, number] = (urgency, ticket)
        elif waiting:
            key = found.take()
            own = {one: place for one, place in waiting.items() if one[0] == key[0]}
            assert key == min(own, key=lambda one: own[one])
            del waiting[key]
            passed[key[0]].clear()
            for other in {one[0] for one in waiting} - {key[0]}:
                passed[other][key[0]] += 1
                # In the round in which it was served itself, and in the next.
                assert passed[other][key[0]] <= 2
    assert not waiting


@given(steps, st.integers(0, 2))
def test_a_group_that_had_nothing_waiting_goes_before_the_second_key_of_any_other(
    moves: list[tuple[str, int, int] | None], urgency: int
) -> None:
    """Also while the others add more, and more urgent ones."""
    found, tickets = order(), count()
    for move in moves:
        if move is not None:
            found.add((move[0], move[1]), move[2], next(tickets))
        elif len(found):
            found.take()
    backlogs = {key[0] for key in found._tickets}
    found.add(("quiet", 0), urgency, next(tickets))
    ahead = []
    while (key := found.take())[0] != "quiet":
        ahead.append(key[0])
        found.add((key[0], 0), URGENT, next(tickets))
    assert len(ahead) == len(set(ahead)) <= len(backlogs)


@given(steps)
def test_a_single_group_goes_by_urgency_and_ticket(
    moves: list[tuple[str, int, int] | None],
) -> None:
    found: FairOrder[Key] = FairOrder(lambda key: None)
    tickets = count()
    waiting: dict[Key, tuple[int, int]] = {}
    for move in [*moves, *[None] * len(moves)]:
        if move is not None:
            key, place = (move[0], move[1]), (move[2], next(tickets))
            found.add(key, *place)
            waiting[key] = place
        elif waiting:
            key = found.take()
            assert key == min(waiting, key=lambda one: waiting[one])
            del waiting[key]
