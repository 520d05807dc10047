"""A few services of the table of faults on a real control plane; `make bench-patterns` plays all.

These reach each SLO status and most of what can happen to an incident.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from benchmarks.patterns.control_plane import play
from benchmarks.patterns.shop_table import TABLE
from watched.namespace import namespace, with_crds

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(1800)]

PART = ("payments-errors", "checkout-slow", "payments-gap")


def test_faults_get_their_names_severities_and_ends(
    sandbox: Sandbox, prometheus_url: str, tmp_path: Path
) -> None:
    table = tuple(watch for watch in TABLE if watch.name in PART)
    with namespace(with_crds(sandbox), "faults") as watched:
        found = play(watched, prometheus_url, tmp_path, table)
    assert len(found) >= sum(len(watch.rows) for watch in table)
    assert {f"{one.watch}: {one.row.trouble}": one.problems for one in found if one.problems} == {}
