"""How much an attack of one namespace delays a service of another.

The same steps are timed without and with the attack, by the same operator on the same control
plane. The attack edits as fast as the machine lets it; the table says how fast that was.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.trainer import quick_trainer
from watched.attack import Attack, Size, settings
from watched.editor import make_editor
from watched.namespace import with_crds
from watched.neighbour import Delays, Neighbour

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "8"))
MAX_DELAY = 5.0
MAX_MEBIBYTES = 512
"""The chart's `resources.limits.memory`."""
LARGE = int(os.environ.get("BENCH_LARGE", "100"))
SIZE = Size(config_maps=LARGE, services=2 * LARGE, pause=0.0)
STEPS = {
    "job": "service created to training Job",
    "model": "training Job to model in the status",
    "detection": "detection to condition",
    "incident": "detection to Anomaly object",
}


def rounds(neighbour: Neighbour, stem: str) -> list[Delays]:
    """Each with a new service."""
    found = []
    for number in range(ROUNDS):
        found.append(neighbour.live(f"{stem}-{number}", int(time.time())))
        print(f"{stem} {number}: {found[-1]}", flush=True)
    return found


def writes(log: AuditLog) -> Counter[str]:
    """The operator's, by namespace."""
    found = log.requests(writes=True)
    return Counter(item.namespace for item in found if item.user_agent == names.MANAGED_BY)


def added(without: Sequence[Delays], attacked: Sequence[Delays]) -> dict[str, float]:
    """Prints the table; seconds that the attack adds to median and worst of each step."""
    print(f"\n{'seconds':40} {'without':>15} {'attacked':>15} {'added':>15}")
    print(f"{'':40} {'median worst':>15} {'median worst':>15} {'median worst':>15}")
    found = {}
    for field in fields(Delays):
        ways = ([getattr(one, field.name) for one in way] for way in (without, attacked))
        before, after = ((statistics.median(way), max(way)) for way in ways)
        more = (after[0] - before[0], after[1] - before[1])
        cells = " ".join(
            f"{f'{median:.2f}  {worst:.2f}':>15}" for median, worst in (before, after, more)
        )
        print(f"{STEPS[field.name]:40} {cells}")
        found |= {f"{field.name}, median": more[0], f"{field.name}, worst": more[1]}
    return found


def test_an_attack_delays_no_step_of_a_neighbour(
    sandbox: Sandbox, make_namespace: Callable[[], str], tmp_path: Path
) -> None:
    cluster = with_crds(sandbox)
    neighbour = Neighbour(cluster, make_namespace())
    editor = make_editor(cluster, make_namespace())
    text = settings(quick_trainer(cluster, tmp_path), neighbour.name, editor.namespace)
    where = ("--namespace", neighbour.name, "--no-leader-elect")
    with LocalOperator(tmp_path / "operator", cluster.kubeconfig, text, *where) as operator:
        operator.wait_until_leading()
        without = rounds(neighbour, "calm")
        attack = Attack(editor, neighbour.uid("calm-0"), others=1, size=SIZE)
        with attack.running():
            began, cpu, edits = time.monotonic(), operator.cpu_seconds(), attack.edits.copy()
            log = cluster.audit().since_now()
            attacked = rounds(neighbour, "attacked")
            seconds = time.monotonic() - began
            used, made = operator.cpu_seconds() - cpu, attack.edits - edits
        found = added(without, attacked)
        pace = ", ".join(f"{name} {count / seconds:.1f}" for name, count in made.most_common())
        print(f"{seconds:.0f} s of attack; edits a second: {pace}")
        ours = writes(log)
        print(
            f"the operator: {used / seconds:.0%} of a CPU, at most {operator.peak_mebibytes():.0f} "
            f"MiB; writes for the attacker {ours[editor.namespace]}, for the neighbour "
            f"{ours[neighbour.name]}"
        )
        assert operator.alive()
        assert operator.peak_mebibytes() < MAX_MEBIBYTES
    assert (attack.unable, attack.idle()) == ({}, [])
    assert {step: more for step, more in found.items() if more >= MAX_DELAY} == {}
