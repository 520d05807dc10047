"""Who may take the lease, by our own clock alone."""

from __future__ import annotations

import pytest

from anomaly_operator.client.lease import Observation, Timing, may_take, released, taken

HELD = {"holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": "t1"}


@pytest.mark.parametrize(
    ("record", "now", "expected"),
    [
        (None, 0.0, True),
        ({**HELD, "holderIdentity": ""}, 0.0, True),
        ({**HELD, "holderIdentity": "me"}, 0.0, True),
        (HELD, 15.0, False),
        (HELD, 15.1, True),
    ],
)
def test_a_lease_is_free_when_absent_released_ours_or_not_renewed(
    record: dict[str, object] | None, now: float, expected: bool
) -> None:
    assert may_take(Observation(record, since=0.0), "me", now) is expected


def test_a_renewal_restarts_the_wait_whatever_its_times_say() -> None:
    seen = Observation().seen(HELD, 100.0)
    assert seen.seen(dict(HELD), 110.0).since == 100.0
    renewed = seen.seen({**HELD, "renewTime": "1970-01-01T00:00:00.000000Z"}, 110.0)
    assert renewed.since == 110.0
    assert not may_take(renewed, "me", 120.0)


def test_taking_over_counts_a_transition_and_renewing_does_not() -> None:
    first = taken(None, "me", Timing(), 0.0)
    assert first["leaseTransitions"] == 0
    over = taken({**HELD, "leaseTransitions": 4}, "me", Timing(), 60.0)
    assert over["leaseTransitions"] == 5
    assert over["acquireTime"] == "1970-01-01T00:01:00.000000Z"
    again = taken(over, "me", Timing(), 62.0)
    assert again["leaseTransitions"] == 5
    assert again["acquireTime"] == over["acquireTime"]
    assert again["renewTime"] > over["renewTime"]


def test_a_released_lease_is_free_at_once() -> None:
    given = released(taken(None, "me", Timing(), 0.0), 5.0)
    assert may_take(Observation(given, since=5.0), "other", 5.0)


def test_a_leader_stops_before_another_may_begin() -> None:
    timing = Timing()
    assert timing.renew_deadline + timing.request_timeout < timing.duration
