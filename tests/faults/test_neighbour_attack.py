"""An editor of one namespace attacks all the time, and a service of another is none the worse.

What counts is the outcome. How long it takes is measured by tests/benchmarks/test_neighbours.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.attack import MAX_ANOMALIES, Attack
from watched.editor import make_editor
from watched.neighbour import Neighbour

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

LIMIT_KIB = 512 * 1024
"""The chart's `resources.limits.memory`."""
SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
watchNamespaces: {namespaces}
anomalies: {{maxPerCluster: {anomalies}}}
watch: {{inactivity: 5s, serverTimeout: 10s, relist: 20s}}
"""


def peak_kib(operator: LocalOperator) -> int:
    """What the process had resident at most so far."""
    text = Path(f"/proc/{operator.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1])


def test_a_neighbour_under_attack_trains_detects_and_gets_its_incident(
    crds: Sandbox, make_namespace: Callable[[], str], trainer: str, tmp_path: Path
) -> None:
    calm, beside = (Neighbour(crds, make_namespace()) for _ in range(2))
    editor = make_editor(crds, make_namespace())
    watched = [calm.name, beside.name, editor.namespace]
    settings = SETTINGS.format(image=trainer, namespaces=watched, anomalies=MAX_ANOMALIES)
    where = ("--namespace", calm.name)
    with LocalOperator(tmp_path / "operator", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading()
        # The same for both: what is said of an incident depends on the time of day.
        seen = int(time.time())
        calm.live("checkout", seen)
        attack = Attack(editor, calm.uid("checkout"), others=2)
        with attack.running():
            attack.let_go(operator)
            beside.live("checkout", seen)
            assert beside.told("checkout") == calm.told("checkout")
        assert attack.unable == {}
        assert attack.idle() == []
        assert operator.alive()
        assert peak_kib(operator) < LIMIT_KIB
