"""Writes to what a namespace shares: who waited for the same write does not make it again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from anomaly_operator.api import names
from anomaly_operator.controller.turns import Turns
from anomaly_operator.world.plan import Apply


def account(name: str = names.RUNNER, namespace: str = "shop", label: str = "a") -> Apply:
    metadata = {"namespace": namespace, "name": name, "labels": {"l": label}}
    return Apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


async def made(writes: Sequence[Apply], failing: int = 0) -> int:
    """How many of `writes`, all begun at once, were sent; the first `failing` of these fail."""
    turns, sent = Turns(), 0

    async def write(one: Apply) -> None:
        nonlocal sent
        async with turns.of(one) as due:
            if not due:
                return
            sent += 1
            number = sent
            await asyncio.sleep(0)
            if number <= failing:
                raise OSError

    await asyncio.gather(*map(write, writes), return_exceptions=True)
    assert not turns._turns
    return sent


@pytest.mark.parametrize(("failing", "sent"), [(0, 1), (1, 2), (9, 4)])
async def test_the_same_write_is_made_until_it_succeeds(failing: int, sent: int) -> None:
    assert await made([account() for _ in range(4)], failing) == sent


async def test_another_write_is_made_and_so_is_the_first_after_it() -> None:
    assert await made([account(), account(label="b"), account()]) == 3


async def test_other_namespaces_and_other_objects_do_not_wait() -> None:
    assert await made([account(), account(namespace="bank")]) == 2
    assert await made([account(name="mine"), account(name="mine")]) == 2
