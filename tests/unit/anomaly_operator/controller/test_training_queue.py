"""Who may train next: whose Jobs hold a place, and how namespaces share the places."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from enum import StrEnum
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.api import names
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.manifests.metadata import Component
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.world.objects import Child, JobState, Meta, ServiceObject
from anomaly_operator.world.view import QueuePlace

LABELS = {names.LABEL_WATCHED: "true", names.LABEL_COMPONENT: Component.TRAINING.value}


def key(name: str, namespace: str = "shop") -> Key:
    return ("AnomalyService", namespace, name)


def service(name: str, namespace: str = "shop") -> ServiceObject:
    uid = f"uid-{namespace}-{name}"
    return ServiceObject(Meta("v1", "AnomalyService", namespace, name, uid, "1"), None)


def job(of: ServiceObject, version: int = 1, **more: Any) -> Child:
    """The training Job that the operator makes for a service."""
    name = names.training_job_name(of.meta.name, of.meta.uid, "attempt")
    known = {"labels": LABELS, "owners": (of.meta.uid,), "namespace": of.meta.namespace}
    known = {"name": name, **known, **more.pop("meta", {})}
    known = {"uid": f"uid-{known['name']}", "resource_version": str(version), **known}
    return Child(Meta(api_version="batch/v1", kind="Job", **known), b"", JobState(**more))


def filled(*services: ServiceObject, training: tuple[ServiceObject, ...] = ()) -> Cache:
    cache = Cache()
    for one in (*services, *training):
        cache.put(one)
    for one in training:
        cache.put(job(one, ready=1))
    return cache


def starts(queue: TrainingQueue, cache: Cache, name: Key, most: int) -> bool:
    """As a service decides it."""
    place = queue.view(name, cache)
    return place.running + place.ahead < most


def running(queue: TrainingQueue, cache: Cache) -> int:
    return queue.view(key("nobody", "nowhere"), cache).running


def test_running_trainings_of_others_count_and_those_ahead() -> None:
    cache = filled(training=(service("a"), service("b")))
    queue = TrainingQueue(10)
    queue.wait(key("x"))
    queue.wait(key("y"))
    assert queue.view(key("y"), cache) == QueuePlace(running=2, ahead=1)
    assert queue.view(key("a"), cache).running == 1
    assert queue.view(key("new"), cache).ahead == 2


def test_a_place_that_is_about_to_be_taken_is_taken() -> None:
    cache, queue = Cache(), TrainingQueue(10)
    queue.start(key("a"))
    assert queue.view(key("b"), cache).running == 1
    assert queue.view(key("a"), cache).running == 0
    queue.started(key("a"))
    assert queue.view(key("b"), cache).running == 0


OURS = service("checkout")
LONG = service("a-name-that-is-longer-than-the-forty-that-are-kept.of-it")


@pytest.mark.parametrize("of", [OURS, LONG])
def test_a_job_of_ours_holds_a_place_until_it_ends(of: ServiceObject) -> None:
    cache, queue = filled(of), TrainingQueue(10)
    cache.put(job(of))
    assert running(queue, cache) == 1
    cache.put(job(of, version=2, failed=True))
    assert running(queue, cache) == 0


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(job(OURS, meta={"owners": ("uid-nobody",)}), id="unknown owner"),
        pytest.param(job(OURS, meta={"owners": ()}), id="no owner"),
        pytest.param(job(OURS, meta={"namespace": "other"}), id="owner in another namespace"),
        pytest.param(job(OURS, meta={"name": "batch-of-mine"}), id="name"),
        pytest.param(job(OURS, meta={"name": "checkout-train-x"}), id="name without its hash"),
        pytest.param(
            job(OURS, meta={"name": "payments-train-0123456789"}), id="name of another service"
        ),
        pytest.param(job(OURS, meta={"labels": {names.LABEL_WATCHED: "true"}}), id="no component"),
        pytest.param(job(OURS, meta={"deleting": True}), id="deleting"),
        pytest.param(job(OURS, suspended=True), id="suspended"),
    ],
)
def test_what_is_foreign_suspended_or_going_holds_no_place(foreign: Child) -> None:
    cache, queue = filled(OURS), TrainingQueue(1)
    cache.put(foreign)
    assert running(queue, cache) == 0
    assert starts(queue, cache, key("b", "other"), 1)


def test_a_service_holds_one_place_however_many_jobs_carry_its_name() -> None:
    cache, queue = filled(OURS), TrainingQueue(10)
    for number in range(12):
        cache.put(job(OURS, meta={"name": f"checkout-train-{number:010x}"}))
    assert running(queue, cache) == 1


def test_a_suspended_job_still_counts_for_its_own_namespace() -> None:
    """Or whoever suspends each Job as it starts could resume any number of them at once."""
    parked = [service(f"s{number}", "noisy") for number in range(4)]
    cache, queue = filled(*parked), TrainingQueue(4)
    for one in parked:
        cache.put(job(one, suspended=True))
    assert not starts(queue, cache, key("next", "noisy"), 4)
    assert starts(queue, cache, key("quiet", "shop"), 4)


def test_who_cannot_be_placed_lets_go_for_others_but_not_for_the_own_namespace() -> None:
    stuck = tuple(service(f"s{number}", "full") for number in range(4))
    cache, queue = filled(training=stuck), TrainingQueue(4)
    assert not starts(queue, cache, key("quiet"), 4)
    released = [queue.let_go(one.meta.key, unplaced=True) for one in stuck]
    assert released == [True] * 4
    assert starts(queue, cache, key("quiet"), 4)
    assert not starts(queue, cache, key("next", "full"), 4)
    assert not queue.let_go(stuck[0].meta.key, unplaced=True), "nothing new, so nobody is woken"
    assert not queue.let_go(stuck[0].meta.key, unplaced=False)
    assert running(queue, cache) == 1, "its pod runs after all"


def test_alone_a_namespace_may_hold_all_places() -> None:
    busy = tuple(service(f"s{number}") for number in range(3))
    cache, queue = filled(training=busy), TrainingQueue(4)
    assert starts(queue, cache, key("next"), 4)


@pytest.mark.parametrize(("most", "kept"), [(1, 0), (2, 1), (4, 1), (9, 1), (10, 2), (25, 5)])
def test_the_last_fifth_of_the_places_is_kept_for_namespaces_without_a_training(
    most: int, kept: int
) -> None:
    noisy = [service(f"s{number}", "noisy") for number in range(most)]
    quiet = [service(f"q{number}", "quiet") for number in range(most)]
    cache, queue = filled(*noisy, *quiet), TrainingQueue(most)
    for one in noisy:
        queue.wait(one.meta.key)
    assert len(start_all(queue, cache)) == most - kept
    assert queue.view(key("more", "noisy"), cache) == QueuePlace(running=most - kept, ahead=kept)
    assert starts(queue, cache, quiet[0].meta.key, most) is (kept > 0)
    for one in quiet:
        queue.wait(one.meta.key)
    assert len(start_all(queue, cache)) == min(kept, 1), "its second one is like anybody's"


def test_alone_again_a_namespace_gets_the_kept_places_too() -> None:
    noisy, other = [service(f"s{number}", "noisy") for number in range(4)], service("quiet")
    cache, queue = filled(*noisy, other), TrainingQueue(4)
    for one in noisy:
        queue.wait(one.meta.key)
    assert len(start_all(queue, cache)) == 3
    cache.remove(other.meta)
    assert queue.next(cache) == [noisy[3].meta.key]
    assert starts(queue, cache, noisy[3].meta.key, 4)


def test_a_suspended_job_is_a_training_of_its_namespace() -> None:
    """Or whoever suspends one would get the kept places of the others."""
    parked = service("parked", "noisy")
    busy = tuple(service(f"b{number}", "other") for number in range(3))
    cache, queue = filled(parked, training=busy), TrainingQueue(4)
    assert starts(queue, cache, key("next", "noisy"), 4)
    cache.put(job(parked, suspended=True))
    assert not starts(queue, cache, key("next", "noisy"), 4)
    assert starts(queue, cache, key("first", "quiet"), 4)


def test_a_namespace_that_waits_goes_before_one_that_has_its_share() -> None:
    busy = tuple(service(f"s{number}", "noisy") for number in range(3))
    cache, queue = filled(training=busy), TrainingQueue(4)
    for number in range(20):
        queue.wait(key(f"more{number}", "noisy"))
    queue.wait(key("quiet"))
    assert queue.next(cache) == [key("quiet")]
    assert starts(queue, cache, key("quiet"), 4)
    assert not starts(queue, cache, key("more0", "noisy"), 4)


def test_a_namespace_that_cannot_use_its_share_does_not_hold_the_others_down() -> None:
    stuck = tuple(service(f"s{number}", "full") for number in range(4))
    busy = tuple(service(f"b{number}") for number in range(2))
    cache, queue = filled(training=(*stuck, *busy)), TrainingQueue(4)
    for one in stuck:
        queue.let_go(one.meta.key, unplaced=True)
    queue.wait(key("more", "full"))
    assert starts(queue, cache, key("third"), 4)


@pytest.mark.parametrize("names_in_line", [["a"], ["a", "b", "c"]])
def test_who_waits_keeps_the_place_and_who_leaves_loses_it(names_in_line: list[str]) -> None:
    cache, queue = Cache(), TrainingQueue(5)
    for name in names_in_line:
        queue.wait(key(name))
    queue.wait(key("a"))
    assert queue.next(cache) == [key(name) for name in names_in_line]
    queue.leave(key("a"))
    queue.wait(key("a"))
    assert queue.next(cache)[-1] == key("a")


def test_with_one_place_namespaces_take_turns() -> None:
    cache, queue = Cache(), TrainingQueue(1)
    wanted = [key(f"s{number}", "noisy") for number in range(6)] + [key("a"), key("b")]
    assert turns(queue, cache, wanted)[:4] == ["noisy", "shop", "noisy", "shop"]


def turns(queue: TrainingQueue, cache: Cache, wanted: list[Key]) -> list[str]:
    """The namespaces in the order in which they train, with one place."""
    order: list[str] = []
    for one in wanted:
        queue.wait(one)
    for _ in wanted:
        (first,) = queue.next(cache)
        queue.leave(first)
        queue.start(first)
        queue.started(first)
        order.append(first[1])
    return order


@given(
    most=st.integers(1, 12),
    sizes=st.lists(st.integers(1, 15), min_size=1, max_size=6),
    ends=st.lists(st.integers(0, 100), max_size=40),
)
def test_the_namespace_that_trains_least_goes_first_and_no_place_is_idle(
    most: int, sizes: list[int], ends: list[int]
) -> None:
    cache, queue = Cache(), TrainingQueue(most)
    services = [
        service(f"s{number}", f"n{space}")
        for space, size in enumerate(sizes)
        for number in range(size)
    ]
    for one in services:
        cache.put(one)
        queue.wait(one.meta.key)
    waiting = {one.meta.key: one for one in services}
    busy: dict[Key, Child] = {}
    for end in [None, *ends]:
        if end is not None and busy:
            gone = sorted(busy)[end % len(busy)]
            ended = busy.pop(gone)
            meta = replace(ended.meta, resource_version="2")
            cache.put(replace(ended, meta=meta, state=JobState(succeeded=True)))
        while picks := queue.next(cache):
            chosen = picks[0]
            assert starts(queue, cache, chosen, most)
            used = Counter(name[1] for name in busy)
            fewest = min(used[name[1]] for name in waiting)
            assert used[chosen[1]] == fewest, "whose namespace trains least goes first"
            queue.leave(chosen)
            busy[chosen] = job(waiting.pop(chosen), ready=1)
            cache.put(busy[chosen])
        free = most - len(busy)
        if free and waiting:
            with_jobs = {name[1] for name in busy}
            assert free <= kept_of(most, len(sizes)), "no other place is idle while one waits"
            assert {name[1] for name in waiting} <= with_jobs, "a newcomer gets a kept one at once"


def kept_of(most: int, namespaces: int) -> int:
    return max(1, most // 5) if most > 1 and namespaces > 1 else 0


def test_pods_that_start_all_at_once_exceed_the_limit_by_one_share_and_hold_off_the_next() -> None:
    """Twelve services without room for pods, four places: four Jobs, and never a fifth for them.
    The neighbour gets three; one place is kept for a third namespace."""
    cache, queue = Cache(), TrainingQueue(4)
    stuck = [service(f"s{number}", "full") for number in range(12)]
    busy = [service(f"b{number}") for number in range(12)]
    for one in stuck:
        cache.put(one)
        queue.wait(one.meta.key)
    full = start_all(queue, cache)
    for one in full:
        queue.let_go(one, unplaced=True)
    assert start_all(queue, cache) == []
    for one in busy:
        cache.put(one)
        queue.wait(one.meta.key)
    assert [one[1] for one in start_all(queue, cache)] == ["shop"] * 3
    for one in full:
        queue.let_go(one, unplaced=False)
    assert running(queue, cache) == 7
    assert queue.next(cache) == []
    for number in range(3):
        cache.put(job(stuck[number], version=2, succeeded=True))
    assert queue.next(cache) == [], "the other four still fill the limit"
    cache.put(job(busy[0], version=2, succeeded=True))
    assert queue.next(cache) == [], "the free one is kept"
    cache.put(job(busy[1], version=2, succeeded=True))
    assert [one[1] for one in queue.next(cache)] == ["full"]


def start_all(queue: TrainingQueue, cache: Cache) -> list[Key]:
    """Whoever may start does; their Jobs hold a place."""
    begun = []
    while picks := queue.next(cache):
        queue.leave(picks[0])
        queue.start(picks[0])
        found = cache.service(picks[0][1], picks[0][2])
        assert found is not None
        cache.put(job(found))
        queue.started(picks[0])
        begun.append(picks[0])
    return begun


class Hand(StrEnum):
    """What becomes of a Job, by whoever's hand."""

    LETS_GO = "its pod does not start"
    STARTS = "its pod starts after all"
    SUSPENDED = "somebody suspends it"
    RESUMED = "somebody resumes it"
    ENDS = "it ends"


@given(
    most=st.integers(1, 5),
    spaces=st.integers(1, 3),
    moves=st.lists(st.tuples(st.sampled_from(Hand), st.integers(0, 100)), max_size=60),
)
def test_whatever_becomes_of_its_jobs_a_namespace_has_no_more_of_them_than_there_are_places(
    most: int, spaces: int, moves: list[tuple[Hand, int]]
) -> None:
    cache, queue, versions = Cache(), TrainingQueue(most), count(2)
    services = {
        one.meta.key: one
        for space in range(spaces)
        for one in (service(f"s{number}", f"n{space}") for number in range(2 * most + 1))
    }
    for one in services.values():
        cache.put(one)
        queue.wait(one.meta.key)
    jobs: dict[Key, JobState] = {}
    held: set[Key] = set()
    for hand, number in [(None, 0), *moves]:
        if hand is not None and jobs:
            chosen = sorted(jobs)[number % len(jobs)]
            done, suspended = hand is Hand.ENDS, hand is Hand.SUSPENDED
            jobs[chosen] = JobState(succeeded=done, suspended=suspended)
            cache.put(job(services[chosen], next(versions), succeeded=done, suspended=suspended))
            queue.let_go(chosen, unplaced=hand is Hand.LETS_GO)
            held.discard(chosen)
            if hand in (Hand.STARTS, Hand.RESUMED):
                held.add(chosen)
            if done:
                del jobs[chosen]
                queue.wait(chosen)
        assert running(queue, cache) == len(held)
        may = {name for name in services if name not in jobs and starts(queue, cache, name, most)}
        assert may == set(queue.next(cache)), "who is woken finds a place, and nobody else does"
        while picks := queue.next(cache):
            assert len(held) < most, "nobody starts while the limit is reached or exceeded"
            used = Counter(name[1] for name in jobs)
            waiting = {name[1] for name in services if name not in jobs}
            assert used[picks[0][1]] == min(used[space] for space in waiting)
            queue.leave(picks[0])
            jobs[picks[0]] = JobState()
            held.add(picks[0])
            cache.put(job(services[picks[0]], next(versions)))
        assert max(Counter(name[1] for name in jobs).values(), default=0) <= most
