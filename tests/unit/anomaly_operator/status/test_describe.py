"""What is stored of a service: short for people, whole for the operator."""

from __future__ import annotations

import copy
import json
import zlib
from base64 import b64decode, b64encode
from typing import Any

import pytest

from anomaly_operator.api.conditions import same_status
from anomaly_operator.observe.read import compact, service_object
from anomaly_operator.status.packing import RECORD, stored_form, whole_form
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.status.stored import read_status
from detector_runtime.contract.codec import encode
from detector_runtime.contract.record import MAX_RECORD, shown_detection
from pretend.cluster import Cluster, serving
from pretend.described import METRICS, STATUS_LINES, busy_service, describe, stored


def own_status(cluster: Cluster) -> dict[str, Any]:
    return {key: value for key, value in cluster.status().items() if key != "detection"}


@pytest.fixture(scope="module")
def busy() -> Cluster:
    return busy_service()


def status_lines(raw: dict[str, Any]) -> list[str]:
    lines = describe(raw)
    return lines[lines.index("status:") : lines.index("Events: <none>")]


def test_the_status_of_a_busy_service_fits_a_screen_with_the_assessment_first(
    busy: Cluster,
) -> None:
    lines = status_lines(stored(busy.get("AnomalyService", "checkout")))
    assert len(lines) <= STATUS_LINES
    assert lines[1].startswith("  assessment: Anomalous, High, SLO Breached, since 2026-11-18T")
    assert "latency_p95 1.31 s is 4.1x" in lines[1]
    assert lines[1].endswith(f"See Anomaly {busy.status()['incidents']['tracked'][0]['anomaly']}.")
    assert [line for line in lines if len(line) > 400] == [
        line for line in lines if line.strip().startswith(("record:", "workingState:"))
    ]


def test_columns_and_documented_fields_stay_fields(busy: Cluster) -> None:
    status = stored(busy.get("AnomalyService", "checkout"))["status"]
    assert (status["state"], status["severity"]) == ("Anomalous", "High")
    assert status["slo"] == {"status": "Breached"}
    assert status["incidents"] == {"open": 1}
    assert status["model"]["grade"] == "A"
    assert status["model"]["trainedAt"]
    assert status["model"]["detectors"][0].startswith("seasonal, level, forest")
    assert status["model"]["earlier"] == "20261118-100300-000003, 20261118-100200-000002"
    assert status["detection"]["scoredThrough"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert ready["status"] == "True"


def test_nothing_is_lost_and_the_same_again_is_no_write(busy: Cluster) -> None:
    status = own_status(busy)
    back = whole_form(json.loads(json.dumps(stored_form(status))))
    assert same_status(status, back)
    kept = copy.deepcopy(stored(busy.get("AnomalyService", "checkout")))
    found = service_object(kept)
    assert same_status(status, read_status(found.status).raw)
    assert encode(read_scoring(found.detection).detection)["windows"]


def test_a_condition_is_listed_while_it_warns(busy: Cluster) -> None:
    status = own_status(busy)
    listed = {one["type"] for one in stored_form(status)["conditions"]}
    assert listed == {"Ready", "DataAvailable", "ModelReady", "Detecting", "SLOMet"}
    warning = [{**one, "status": "Unknown"} for one in status["conditions"]]
    assert len(stored_form({**status, "conditions": warning})["conditions"]) == len(warning)


def test_a_status_of_an_earlier_release_is_read_from_its_fields(busy: Cluster) -> None:
    status = {**own_status(busy), "formatVersion": 1}
    assert whole_form(status) == status
    assert read_status(compact(status)).training.newest is not None
    assert read_status(compact(status)).incidents is not None


@pytest.mark.parametrize(
    "record",
    ["", "junk", "e30=", b64encode(zlib.compress(b"[]")).decode(), "A" * (MAX_RECORD + 4)],
    ids=["empty", "no base64", "no gzip", "no object", "too long"],
)
def test_a_record_that_cannot_be_read_is_kept_and_forgets_no_incident(record: str) -> None:
    cluster = serving(Cluster())
    status = {**stored_form(own_status(cluster)), RECORD: record}
    assert whole_form(status)[RECORD] == record
    assert read_status(compact(status)).incidents is None
    assert stored_form(whole_form(status))[RECORD] == record


def test_a_service_whose_record_cannot_be_read_keeps_it_and_says_so() -> None:
    cluster = serving(Cluster())
    junk = {**stored_form(own_status(cluster)), RECORD: "junk"}
    cluster.put("AnomalyService", "checkout", status=junk)
    cluster.settle()
    assert cluster.status()[RECORD] == "junk"
    stalled = cluster.condition("Stalled")
    assert stalled["status"] == "True"
    assert stalled["message"].startswith("`status.workingState` cannot be read and stays as it is")


def test_a_record_cannot_fill_the_memory() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    text = b64encode(bomb.compress(b" " * 50_000_000) + bomb.flush()).decode()
    assert len(text) < MAX_RECORD
    assert "is cut or holds more than" in read_scoring(compact({"record": text})).error


@pytest.mark.parametrize("junk", ["x" * 2000, ["x"] * 65])
def test_a_record_is_held_to_the_bounds_of_the_schema(junk: Any) -> None:
    document = {"formatVersion": 1, "modelRevision": junk, "run": {"outcome": "Succeeded"}}
    error = read_scoring(compact(shown_detection(document))).error
    assert "status.detection.record.modelRevision" in error
    assert "at most" in error


def test_a_failed_run_says_so_in_fields(busy: Cluster) -> None:
    run = {"outcome": "SourceUnavailable", "message": "no answer", "since": ""}
    shown = shown_detection({"formatVersion": 1, "modelRevision": "r", "run": run})
    assert shown["run"] == {"outcome": "SourceUnavailable", "message": "no answer"}


def test_a_record_opens_in_a_shell(busy: Cluster) -> None:
    """`base64 -d | gunzip`, as the documentation says."""
    record = shown_detection(busy.status()["detection"])["record"]
    document = json.loads(zlib.decompress(b64decode(record), 31))
    assert len(document["report"]["comparison"]) == len(METRICS)
