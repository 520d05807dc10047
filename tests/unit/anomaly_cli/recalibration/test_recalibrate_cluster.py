"""`recalibrate` reads a cluster with lists alone and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anomaly_cli.__main__ import main
from loopback.kubeconfig import kubeconfig
from loopback.server import Answer, Asked, LoopbackServer

KINDS = {"anomalies": "Anomaly", "anomalyservices": "AnomalyService", "slopolicies": "SLOPolicy"}


def test_a_cluster_is_listed_and_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def respond(asked: Asked) -> Answer:
        plural = asked.path.partition("?")[0].rpartition("/")[2]
        items: list[object] = []
        if plural == "anomalies":
            items = [
                {
                    "metadata": {"name": f"a-{number}", "namespace": "shop"},
                    "spec": {
                        "serviceRef": {"name": "checkout"},
                        "feedback": {"verdict": "FalsePositive" if number % 3 else "TruePositive"},
                    },
                    "status": {
                        "priority": {
                            "parts": [
                                {"name": "SLO", "points": 0 if number % 3 else 15},
                                {"name": "Severity", "points": 35 if number % 3 == 1 else 19},
                            ]
                        }
                    },
                }
                for number in range(30)
            ]
        kind = f"{KINDS[plural]}List"
        document = {"kind": kind, "metadata": {"resourceVersion": "1"}, "items": items}
        return Answer(200, json.dumps(document).encode())

    with LoopbackServer(respond) as server:
        path = kubeconfig(tmp_path / "config", server.port)
        code = main(["recalibrate", "--kubeconfig", str(path)])
        methods = {asked.method for asked in server.asked}
    out, said = capsys.readouterr()
    assert code == 0, said
    assert methods == {"GET"}
    assert "30 judged incidents: 10 TruePositive, 20 FalsePositive." in said
    assert "+++ SLOPolicy POLICY, proposed" in out
