"""What the node agent does next with a pod's containers."""

from __future__ import annotations

import pytest

from anomaly_sandbox.node.lifecycle import Container, Phase, Run, backoff, plan

NOW = 1_000.0


def ended(code: int, *, attempt: int = 0, at: float = NOW, lasted: float = 1.0) -> Run:
    return Run(attempt, at - lasted, at, code)


RUNNING = Run(0, NOW - 5)
FRESH = Container("main")


def main(*runs: Run) -> Container:
    return Container("main", runs=runs)


@pytest.mark.parametrize(
    ("policy", "item", "phase", "starts"),
    [
        ("Never", FRESH, Phase.PENDING, {"main": 0}),
        ("Never", main(RUNNING), Phase.RUNNING, {}),
        ("Never", main(ended(0)), Phase.SUCCEEDED, {}),
        ("Never", main(ended(3)), Phase.FAILED, {}),
        ("OnFailure", main(ended(0)), Phase.SUCCEEDED, {}),
        ("OnFailure", main(ended(3)), Phase.RUNNING, {"main": 1}),
        ("Always", main(ended(0)), Phase.RUNNING, {"main": 1}),
        ("Always", main(ended(137)), Phase.RUNNING, {"main": 1}),
    ],
)
def test_the_restart_policy_decides_what_follows_an_end(
    policy: str, item: Container, phase: Phase, starts: dict[str, int]
) -> None:
    step = plan(policy, [item], NOW, ending=False)
    assert (step.phase, dict(step.starts)) == (phase, starts)


def test_the_pauses_before_restarts_are_those_of_the_kubelet() -> None:
    runs = tuple(ended(1, attempt=number) for number in range(9))
    pauses = [backoff(runs[:count]) for count in range(1, 10)]
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_long_run_clears_the_count_of_restarts() -> None:
    runs = (ended(1), ended(1, attempt=1), ended(1, attempt=2, lasted=700))
    assert backoff(runs) == 0


def test_the_first_restart_waits_for_nothing_though_the_run_ended_after_the_clock_was_read() -> (
    None
):
    step = plan("Always", [main(ended(1, at=NOW + 0.01))], NOW, ending=False)
    assert (dict(step.starts), dict(step.waits)) == ({"main": 1}, {})


def test_a_container_in_back_off_waits_until_its_time_comes() -> None:
    runs = (ended(1, at=NOW - 20), ended(1, attempt=1, at=NOW - 4))
    step = plan("Always", [main(*runs)], NOW, ending=False)
    assert (dict(step.starts), step.wake_at) == ({}, NOW + 6)
    later = plan("Always", [main(*runs)], NOW + 6, ending=False)
    assert dict(later.starts) == {"main": 2}


@pytest.mark.parametrize(
    ("policy", "runs", "phase", "starts"),
    [
        ("Never", (), Phase.PENDING, {"init": 0}),
        ("Never", (RUNNING,), Phase.PENDING, {}),
        ("Never", (ended(1),), Phase.FAILED, {}),
        ("Always", (ended(1),), Phase.PENDING, {"init": 1}),
        ("Never", (ended(0),), Phase.PENDING, {"main": 0}),
    ],
)
def test_containers_start_after_the_last_init_container(
    policy: str, runs: tuple[Run, ...], phase: Phase, starts: dict[str, int]
) -> None:
    step = plan(policy, [Container("init", init=True, runs=runs), FRESH], NOW, ending=False)
    assert (step.phase, dict(step.starts)) == (phase, starts)


def test_an_ending_pod_stops_what_runs_and_starts_nothing() -> None:
    step = plan("Always", [main(RUNNING), Container("other")], NOW, ending=True)
    assert (step.stops, dict(step.starts)) == (["main"], {})


@pytest.mark.parametrize(
    ("runs", "failed", "phase"),
    [
        ((ended(0),), False, Phase.SUCCEEDED),
        ((ended(143),), False, Phase.FAILED),
        ((ended(0),), True, Phase.FAILED),
        ((), False, Phase.FAILED),
    ],
)
def test_the_phase_of_an_ended_pod(runs: tuple[Run, ...], failed: bool, phase: Phase) -> None:
    assert plan("Always", [main(*runs)], NOW, ending=True, failed=failed).phase is phase


def test_a_pod_is_done_only_when_all_its_containers_are() -> None:
    both = [main(ended(0)), Container("other", runs=(RUNNING,))]
    assert plan("Never", both, NOW, ending=False).phase is Phase.RUNNING
