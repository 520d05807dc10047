"""An editor of one namespace attacks all the time, and a service of another is none the worse.

What counts is the outcome. How long it takes is measured by tests/benchmarks/test_neighbours.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.attack import Attack, settings
from watched.editor import make_editor
from watched.neighbour import Neighbour

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

LIMIT_MEBIBYTES = 512
"""The chart's `resources.limits.memory`."""


def test_a_neighbour_under_attack_trains_detects_and_gets_its_incident(
    crds: Sandbox, make_namespace: Callable[[], str], trainer: str, tmp_path: Path
) -> None:
    calm, beside = (Neighbour(crds, make_namespace()) for _ in range(2))
    editor = make_editor(crds, make_namespace())
    text = settings(trainer, calm.name, beside.name, editor.namespace)
    where = ("--namespace", calm.name, "--no-leader-elect")
    with LocalOperator(tmp_path / "operator", crds.kubeconfig, text, *where) as operator:
        operator.wait_until_leading()
        # The same for both: what is said of an incident depends on the time of day.
        seen = int(time.time())
        calm.live("checkout", seen)
        attack = Attack(editor, calm.uid("checkout"), others=2)
        with attack.running():
            beside.live("checkout", seen)
            assert beside.told("checkout") == calm.told("checkout")
        assert attack.unable == {}
        assert attack.idle() == []
        assert operator.alive()
        assert operator.peak_mebibytes() < LIMIT_MEBIBYTES
