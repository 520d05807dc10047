"""A recorded issue of the PetShop data set, played through Prometheus, opens an incident on PetSite
and closes it.

Data: Hardt et al., "The PetShop Dataset - Finding Causes of Performance Issues across
Microservices", CC BY 4.0; not part of this repository (ANOMALY_DATA names its folder).
"""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import pytest

from anomaly_sandbox.demo import replay_story
from anomaly_sandbox.demo.stage import Stage, narrator

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ANOMALY_DATA", ROOT.parent / "shared" / "data"))
PETSHOP = DATA / "petshop" / "high_traffic"

STEP = 300
LEAD_ROWS = 8
"""Normal rows played live before the issue: the time in which the model is trained."""
REST_ROWS = 14
"""Normal rows after it: two until the end is seen, grace, and the rate of runs."""
COLUMNS = (("latency", "Average"), ("requests", "Sum"), ("availability", "Average"))

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.data,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not PETSHOP.is_dir(), reason=f"no recordings in {PETSHOP}"),
]


def _petsite(file: Path) -> list[list[str]]:
    """Rows of PetSite: latency, requests, availability; empty where nothing was recorded."""
    with file.open(newline="") as lines:
        services, metrics, statistics, *rows = csv.reader(lines)
    places = [
        next(
            index
            for index, heading in enumerate(zip(services, metrics, statistics, strict=True))
            if heading == ("PetSite", *column)
        )
        for column in COLUMNS
    ]
    return [[row[place] for place in places] for row in rows if row[0] != "unix_timestamp"]


def _recording(issue: str, folder: Path) -> tuple[Path, int]:
    """A CSV file of normal operation, the issue and normal operation again; and its live rows."""
    normal = _petsite(PETSHOP / "noissue" / "metrics.csv")
    trouble = _petsite(PETSHOP / issue / "metrics.csv")
    rows = normal[:-REST_ROWS] + trouble + normal[-REST_ROWS:]
    file = folder / "petsite.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["time", *(name for name, _ in COLUMNS)])
        writer.writerows([1_700_000_100 + i * STEP, *row] for i, row in enumerate(rows))
    return file, LEAD_ROWS + len(trouble) + REST_ROWS


def test_a_recorded_issue_opens_an_incident_on_petsite_and_closes_it(tmp_path: Path) -> None:
    file, live_rows = _recording("test/issue_5", tmp_path)
    reel = replay_story.load(file, speed=STEP / 15, live_rows=live_rows)
    with Stage.up(narrator(time.monotonic()), state_dir=tmp_path / "sandbox") as stage:
        stage.install_chart()
        incidents = replay_story.play(stage, reel)
        (service,) = stage.services("replay")
    assert [incident.service for incident in incidents] == ["petsite"]
    (incident,) = incidents
    assert incident.contributions[0] == "latency"
    assert (incident.state, incident.resolution) == ("Closed", "Resolved")
    assert service.state == "Healthy"
