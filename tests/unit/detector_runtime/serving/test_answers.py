"""What a client gets, over a real connection."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from detector_runtime.serving.options import Bounds
from pretend.served_model import FIRST, GOOD, Largest, Running, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served") / "served.json", Largest()) as running:
        yield running


def test_an_observation_gets_its_verdict(api: Running) -> None:
    status, _, answer = api.ask("POST", "/predict", {**GOOD, "observation_id": "a-1"})
    assert status == 200
    assert answer.pop("inference_ms") >= 0
    assert answer == {
        "observation_id": "a-1",
        "is_anomaly": False,
        "confidence": 1.0,
        "votes": 0,
        "voters": 1,
        "anomaly_score": 2.0,
        "members": {"largest": {"anomalous": False, "score": 2.0}},
        "model_version": FIRST,
    }


def test_features_come_in_any_order(api: Running) -> None:
    scorer = Largest()
    turned = b'{"features": {"latency": 9, "rate": 1}, "time": 60}'
    assert api.current.model is not None
    status, _, answer = api.ask("POST", "/predict", turned)
    assert (status, answer["is_anomaly"], answer["votes"], answer["confidence"]) == (
        200,
        True,
        1,
        1,
    )
    assert api.current.model.scorer.seen[-1] == ([[1.0, 9.0]], [60])  # type: ignore[attr-defined]
    assert scorer.features == ("rate", "latency")


def test_an_observation_without_an_id_gets_one_of_its_own(api: Running) -> None:
    ids = {api.ask("POST", "/predict", GOOD)[2]["observation_id"] for _ in range(3)}
    assert len(ids) == 3


REFUSED = [
    (b"{", ["body"]),
    (b"\xff", ["body"]),
    (b"[]", ["body"]),
    (b"{}", ["body", "features"]),
    (b'{"features": []}', ["body", "features"]),
    (b'{"features": {"rate": 1}}', ["body", "features", "latency"]),
    (b'{"features": {"rate": 1, "latency": 2, "age": 3}}', ["body", "features", "age"]),
    (b'{"features": {"rate": NaN, "latency": 2}}', ["body", "features", "rate"]),
    (b'{"features": {"rate": 1, "latency": Infinity}}', ["body", "features", "latency"]),
    (b'{"features": {"rate": 1, "latency": 1e999}}', ["body", "features", "latency"]),
    (b'{"features": {"rate": 1, "latency": "2"}}', ["body", "features", "latency"]),
    (b'{"features": {"rate": true, "latency": 2}}', ["body", "features", "rate"]),
    (b'{"features": {"rate": null, "latency": 2}}', ["body", "features", "rate"]),
    (b'{"features": {"rate": 1, "latency": 2}, "x": 1}', ["body", "x"]),
    (b'{"features": {"rate": 1, "latency": 2}, "time": -1}', ["body", "time"]),
    (b'{"features": {"rate": 1, "latency": 2}, "time": 1.5}', ["body", "time"]),
    (b'{"features": {"rate": 1, "latency": 2}, "time": true}', ["body", "time"]),
    (b'{"features": {"rate": 1, "latency": 2}, "observation_id": ""}', ["body", "observation_id"]),
    (b'{"features": {"rate": 1, "latency": 2}, "history": []}', ["body", "time"]),
    (
        b'{"features": {"rate": 1, "latency": 2}, "time": 9, "history": [{"rate": 1}]}',
        ["body", "history", 0, "latency"],
    ),
]


@pytest.mark.parametrize(("body", "loc"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_taken_is_refused_with_its_field(
    api: Running, body: bytes, loc: list[Any]
) -> None:
    status, _, answer = api.ask("POST", "/predict", body)
    assert (status, answer["detail"][0]["loc"]) == (422, loc)


def test_a_history_goes_to_the_members_that_read_it(api: Running) -> None:
    body = {**GOOD, "time": 600, "history": [{"latency": 5, "rate": 6}]}
    assert api.ask("POST", "/predict", body)[0] == 200
    assert api.current.model is not None
    seen = api.current.model.scorer.seen  # type: ignore[attr-defined]
    assert seen[-2] == ([[6.0, 5.0]], [1.0, 2.0], 600)


def test_a_batch_is_answered_in_its_order(api: Running) -> None:
    rows = [{"features": {"rate": n, "latency": 0}, "observation_id": f"n{n}"} for n in range(6)]
    status, _, answer = api.ask("POST", "/predict/batch", {"observations": rows})
    assert status == 200
    found = [(one["observation_id"], one["is_anomaly"]) for one in answer["results"]]
    assert found == [(f"n{n}", n > 3) for n in range(6)]
    assert answer["model_version"] == FIRST


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (1000, 200), (1001, 422)])
def test_a_batch_holds_at_most_a_thousand(api: Running, count: int, status: int) -> None:
    found = api.ask("POST", "/predict/batch", {"observations": [GOOD] * count})
    assert found[0] == status
    assert status == 200 or found[2]["detail"][0]["loc"] == ["body", "observations"]


def test_a_batch_names_the_row_that_cannot_be_taken(api: Running) -> None:
    rows = [GOOD, {"features": {"rate": 1, "latency": "x"}}]
    _, _, answer = api.ask("POST", "/predict/batch", {"observations": rows})
    assert answer["detail"][0]["loc"] == ["body", "observations", 1, "features", "latency"]


def test_an_observation_without_a_time_is_of_now(api: Running) -> None:
    before = int(time.time())
    mixed = [{**GOOD, "time": 5}, GOOD]
    assert api.ask("POST", "/predict/batch", {"observations": mixed})[0] == 200
    assert api.current.model is not None
    _, (told, given) = api.current.model.scorer.seen[-1]  # type: ignore[attr-defined]
    assert (told, before <= given <= int(time.time())) == (5, True)


def test_a_job_is_found_until_it_is_done_and_after(tmp_path: Path) -> None:
    scorer = Largest()
    with serving(tmp_path / "served.json", scorer) as api:
        scorer.gate.clear()
        status, headers, job = api.ask("POST", "/predict/async", {"observations": [GOOD]})
        assert (status, job["state"]) == (202, "Pending")
        assert headers["location"] == f"/jobs/{job['job_id']}"
        assert api.ask("GET", headers["location"])[2]["state"] == "Pending"
        (task,) = api.service.tasks
        done = threading.Event()
        task.get_loop().call_soon_threadsafe(task.add_done_callback, lambda _: done.set())
        scorer.gate.set()
        assert done.wait(30)
        _, _, found = api.ask("GET", headers["location"])
        assert (found["state"], found["result"]["results"][0]["is_anomaly"]) == ("Done", False)


def test_an_unknown_job_is_not_found(api: Running) -> None:
    assert api.ask("GET", "/jobs/nobody")[0] == 404


def test_a_body_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "served.json", Largest(), bounds=Bounds(body_bytes=1024)) as api:
        large = json.dumps(GOOD).encode() + b" " * 1024
        assert api.ask("POST", "/predict", large)[0] == 413
        chunked = {"Transfer-Encoding": "chunked"}
        pieces = b"400\r\n" + b" " * 1024 + b"\r\n1\r\n \r\n0\r\n\r\n"
        assert api.ask("POST", "/predict", pieces, chunked)[0] == 413
        assert api.ask("POST", "/predict", GOOD)[0] == 200


def test_too_many_at_once_are_told_to_come_again(tmp_path: Path) -> None:
    scorer = Largest()
    with (
        serving(tmp_path / "served.json", scorer, bounds=Bounds(concurrency=1)) as api,
        ThreadPoolExecutor(1) as pool,
    ):
        scorer.gate.clear()
        scorer.entered.clear()
        first = pool.submit(api.ask, "POST", "/predict/batch", {"observations": [GOOD]})
        assert scorer.entered.wait(30)
        status, headers, _ = api.ask("POST", "/predict", GOOD)
        assert (status, headers["retry-after"]) == (503, "1")
        assert api.ask("GET", "/health")[0] == 200
        scorer.gate.set()
        assert first.result(30)[0] == 200


def test_too_many_a_second_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path / "served.json", Largest(), bounds=Bounds(rate=1)) as api:
        answers = [api.ask("POST", "/predict", GOOD) for _ in range(20)]
        refused = [headers["retry-after"] for status, headers, _ in answers if status == 429]
        assert refused
        assert set(refused) == {"1"}
        assert answers[0][0] == 200
        assert all(api.ask("GET", "/ready")[0] == 200 for _ in range(5))


def test_a_model_whose_members_all_read_history_asks_for_it(tmp_path: Path) -> None:
    with serving(tmp_path / "served.json", Largest(needs_history=True)) as api:
        status, _, answer = api.ask("POST", "/predict", GOOD)
        assert (status, answer["detail"][0]["loc"]) == (422, ["body", "history"])
        batch = {"observations": [GOOD]}
        assert api.ask("POST", "/predict/batch", batch)[0] == 422
        body = {**GOOD, "time": 600, "history": [{"latency": 5, "rate": 6}]}
        assert api.ask("POST", "/predict", body)[0] == 200


def test_metrics_count_requests_and_anomalies(tmp_path: Path) -> None:
    with serving(tmp_path / "served.json", Largest()) as api:
        api.ask("POST", "/predict", {"features": {"rate": 9, "latency": 0}})
        api.ask("POST", "/predict", b"{")
        api.ask("GET", "/jobs/one")
        api.ask("GET", "/jobs/two")
        _, headers, text = api.ask("GET", "/metrics")
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        for line in (
            'anomaly_serving_requests_total{code="200",path="/predict"} 1.0',
            'anomaly_serving_requests_total{code="422",path="/predict"} 1.0',
            'anomaly_serving_requests_total{code="404",path="/jobs/{id}"} 2.0',
            "anomaly_serving_observations_total 1.0",
            "anomaly_serving_anomalies_total 1.0",
            f'anomaly_serving_model_info{{revision="{FIRST}"}} 1.0',
            "anomaly_serving_model_outdated 0.0",
        ):
            assert line in text
