"""A scoring run as the pod makes it: one read, one apply, the same end however it is disturbed."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector_runtime.commands.kubernetes_api import KubernetesAPI
from detector_runtime.commands.score import score
from detector_runtime.commands.train import train
from detector_runtime.contract.context import ContextQuery
from detector_runtime.contract.run_config import (
    ModelRef,
    RequestRateThresholds,
    RunConfig,
    SLOSpec,
    Thresholds,
)
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import ExitCode, RunKind, RunOutcome, Severity, Unit
from detector_runtime.errors import ApiRefusedError, RunError, ServiceGoneError
from detector_runtime.objectives.queries import LABEL
from detector_runtime.sources.context_queries import ContextQueries
from detector_runtime.sources.event_queries import EventQueries
from detector_runtime.sources.opening import open_context, open_events, open_source
from loopback.api_server import FakeAPIServer
from loopback.events import objective
from loopback.prometheus import FakePrometheus
from loopback.server import Answer, make_certificate
from loopback.settings import RATE, STEP, UID, prometheus_source, run_config
from loopback.shop import SHOP, latency
from pretend.cluster import Cluster, serving

NOW = 1_780_000_000 // STEP * STEP
DELAY = 30


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> tuple[Path, ModelRef]:
    """A model trained on five quiet days of the shop."""
    models = tmp_path_factory.mktemp("models")
    with FakePrometheus(dict(SHOP)) as prometheus:
        config = run_config(RunKind.TRAIN, prometheus_source(prometheus.url))
        report = train(config, opened(config, models), models, NOW)
    assert report.outcome is RunOutcome.SUCCEEDED, report.message
    return models, ModelRef(report.revision, report.digest)


def opened(config: RunConfig, folder: Path):
    return open_source(config, auth=folder, ca=folder, data=folder, seconds=30.0, api_server=None)


class Bench:
    """One service with its API server, its metrics and its model."""

    def __init__(self, api: FakeAPIServer, metrics: FakePrometheus, identity: Path, model) -> None:
        self.api, self.metrics, self.identity = api, metrics, identity
        self.models, ref = model
        source = replace(prometheus_source(metrics.url), timeout_seconds=1.0)
        self.config = replace(run_config(RunKind.SCORE, source), model=ref)

    def run(self, now: float) -> ExitCode:
        client = KubernetesAPI("127.0.0.1", self.api.port, self.identity, self.config.service)
        try:
            return score(
                self.config,
                client,
                lambda: opened(self.config, self.identity),
                self.models,
                now,
                open_events=self._events,
                open_context=self._context,
            )
        finally:
            client.close()

    def _events(self) -> EventQueries:
        folder = self.identity
        return open_events(
            self.config, LABEL, auth=folder, ca=folder, seconds=30.0, api_server=None
        )

    def _context(self) -> ContextQueries:
        folder = self.identity
        return open_context(self.config, auth=folder, ca=folder, seconds=15.0, api_server=None)

    def ends(self, verdict: str) -> list[str]:
        return [one["end"] for one in self.api.detection["windows"] if one["verdict"] == verdict]

    def worst(self) -> dict[str, Any]:
        """The worst Anomalous window, of equals the first; the fault makes one stretch of them."""
        hits = [one for one in self.api.detection["windows"] if one["verdict"] == "Anomalous"]
        return max(
            hits,
            key=lambda one: (
                Severity(one["severity"]).rank,
                Severity(one["modelSeverity"]).rank,
                float(one["score"]),
            ),
        )


@pytest.fixture
def bench(certificate, model, tmp_path) -> Iterator[Bench]:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_bytes(certificate[0].read_bytes())
    with FakeAPIServer(UID, certificate) as api, FakePrometheus(dict(SHOP)) as metrics:
        yield Bench(api, metrics, tmp_path, model)


def slow_between(start: int, end: int):
    return lambda moment: latency(moment) * (6 if start < moment <= end else 1)


def test_a_first_run_scores_the_newest_complete_window_with_one_read_and_one_apply(bench):
    assert bench.run(NOW + DELAY) == ExitCode.OK
    found = bench.api.detection
    assert found["scoredThrough"] == iso(NOW)
    assert found["scoredFrom"] == iso(NOW - STEP)
    assert found["run"]["outcome"] == "Succeeded"
    assert found["modelRevision"] == bench.config.model.revision
    assert found["windows"] == []
    assert found["report"]["verdict"] == "Normal"
    assert found["report"]["period"] == "always"
    assert [asked.method for asked in bench.api.asked] == ["GET", "PATCH"]


def test_a_window_counts_only_after_its_data_had_time_to_arrive(bench):
    bench.run(NOW + DELAY - 1)
    assert bench.api.detection["scoredThrough"] == iso(NOW - STEP)


def test_a_second_run_for_the_same_window_writes_nothing(bench):
    bench.run(NOW + DELAY)
    bench.run(NOW + DELAY + STEP - 1)
    assert len(bench.api.applied) == 1


def test_a_fault_is_found_with_metric_severity_and_reasons(bench):
    bench.metrics.series["latency"] = slow_between(NOW - 4 * STEP, NOW)
    bench.run(NOW - 4 * STEP + DELAY)
    bench.run(NOW + DELAY)
    anomalous = bench.ends("Anomalous")
    assert anomalous[-1] == iso(NOW)
    assert len(anomalous) >= 3
    worst, anomaly = bench.worst(), bench.api.detection["anomaly"]
    assert anomaly["end"] == worst["end"]
    finding = anomaly["findings"][0]
    assert (finding["modelSeverity"], finding["score"]) == (worst["modelSeverity"], worst["score"])
    assert finding["pattern"] == "latency_spike_recent"
    assert finding["severity"] == "Medium"  # a model of five days is provisional
    assert finding["modelSeverity"] in {"High", "Critical"}
    assert "the upper end of its usual range" in finding["contributions"][0]["deviation"]
    assert finding["contributions"][0]["metric"] == "application_latency"
    assert finding["summary"].startswith("Requests take ")
    assert finding["impact"].startswith("Users wait ")
    assert finding["explains"] == ["application_latency"]
    assert 1 <= len(finding["recommendedActions"]) <= 5
    newest = bench.api.detection["report"]
    assert (newest["end"], newest["verdict"]) == (iso(NOW), "Anomalous")


def test_a_breach_of_the_slo_makes_it_critical_whatever_the_model_thinks(bench):
    limits = Thresholds(0.2, 0.3, 0.5)
    bench.config = replace(bench.config, slo=SLOSpec("web", latency=limits))
    bench.metrics.series["latency"] = slow_between(NOW - 4 * STEP, NOW)
    bench.run(NOW + DELAY)
    found = bench.api.detection["windows"][-1]
    assert (found["severity"], found["sloStatus"]) == ("Critical", "Breached")
    assert float(found["proximity"]) > 1


def test_a_breach_without_an_anomaly_is_a_finding_of_its_own(bench):
    bench.config = replace(bench.config, slo=SLOSpec("web", latency=Thresholds(0.05, 0.06, 0.07)))
    bench.run(NOW + DELAY)
    found = bench.api.detection["windows"][-1]
    assert (found["verdict"], found["patterns"]) == ("Anomalous", ["slo_breach"])
    assert found["severity"] == "Critical"


def failing(name: str, side: str, window: str, at: int) -> float:
    return 1e5 if side == "total" else 50.0 if window == "30d" else 2000.0


def test_a_burning_budget_makes_a_quiet_window_anomalous_and_is_carried_on(bench):
    bench.config = replace(bench.config, objectives=(objective(),))
    bench.metrics.events = failing
    bench.run(NOW + DELAY)
    found = bench.api.detection["windows"][-1]
    assert (found["verdict"], found["patterns"]) == ("Anomalous", ["error_budget_burn"])
    assert (found["severity"], found["modelSeverity"]) == ("Critical", "None")
    report = bench.api.detection["objectives"][0]
    assert (report["state"], report["tier"], report["budgetLeft"]) == ("Burning", "PageFast", "50%")
    asked = len(bench.metrics.asked)
    bench.run(NOW + DELAY + STEP)
    again = bench.api.detection["objectives"][0]
    assert (again["since"], again["budgetLeft"]) == (iso(NOW), "50%")
    assert len(bench.metrics.asked) - asked == len(bench.config.metrics) + 1


def test_a_burn_is_told_though_the_metrics_of_the_model_are_missing(bench):
    bench.config = replace(bench.config, objectives=(objective(),))
    bench.metrics.events = failing
    del bench.metrics.series["rate"]
    bench.run(NOW + DELAY)
    found = bench.api.detection["windows"][-1]
    assert (found["verdict"], found["patterns"]) == ("Anomalous", ["error_budget_burn"])


def test_objectives_without_events_leave_the_windows_as_they_are(bench):
    bench.config = replace(bench.config, objectives=(objective(),))
    bench.run(NOW + DELAY)
    assert bench.api.detection["windows"] == []
    assert bench.api.detection["objectives"][0]["state"] == "Inconclusive"


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (("rate",), "TrafficMissing"),
        (("rate", "latency"), "TrafficMissing"),
        (("latency", "errors"), "PartialData"),
        (("rate", "latency", "errors"), "NoData"),
    ],
)
def test_missing_data_is_inconclusive_and_never_good_or_bad_news(bench, gone, reason):
    for name in gone:
        del bench.metrics.series[name]
    bench.run(NOW + DELAY)
    found = bench.api.detection["windows"][-1]
    assert (found["verdict"], found["reason"]) == ("Inconclusive", reason)
    outcome = "NoData" if len(gone) == 3 else "Succeeded"
    assert bench.api.detection["run"]["outcome"] == outcome


LIMITS = {"acceptable": "200ms", "warning": "300ms", "critical": "500ms"}
LATENCY_ONLY = SLOSpec("web", latency=Thresholds(0.2, 0.3, 0.5))
RATED = replace(LATENCY_ONLY, request_rate=RequestRateThresholds(2.0, 0.5, (("always", 20.0),)))


@pytest.mark.parametrize("ratio", [math.nan, None], ids=["0/0", "no sample"])
@pytest.mark.parametrize(
    ("slo", "said"),
    [
        (None, ""),
        (LATENCY_ONLY, "request_rate fell to 0 requests/s (usually "),
        (RATED, "request_rate 0 requests/s is under the minimum of 20 requests/s"),
    ],
    ids=["no policy", "latency", "minimum"],
)
def test_a_total_outage_is_critical_within_two_windows(bench, slo, said, ratio):
    """Without a request the ratios are 0/0, which is no lost data: the request rate decides."""
    begin = NOW - 2 * STEP
    for name, value in (("rate", 0.0), ("latency", ratio), ("errors", ratio)):
        usual = SHOP[name]
        bench.metrics.series[name] = lambda moment, usual=usual, value=value: (
            usual(moment) if moment <= begin else value
        )
    bench.config = replace(bench.config, slo=slo)
    bench.run(begin + DELAY)
    bench.run(NOW + DELAY)
    found = bench.api.detection
    assert bench.ends("Anomalous") == [iso(NOW - STEP), iso(NOW)]
    assert found["windows"][-1]["severity"] == "Critical"
    finding, evaluated = found["report"]["findings"][0], found["report"]["slo"]
    assert finding["summary"].startswith("Requests fell to 0 requests/s (usually ")
    assert evaluated["status"] == ("Unknown" if slo is None else "Breached")
    assert evaluated.get("explanation", "").startswith(said)
    cluster = Cluster(now=begin - STEP)
    cluster.put("SLOPolicy", "web", spec={"thresholds": {"latency": LIMITS}})
    named = {} if slo is None else {"sloPolicyRef": {"name": "web"}}
    serving(cluster, step="2m", incidents={"confirmationCycles": 2}, **named)
    cluster.now = NOW + DELAY
    cluster.detect(**{**found, "modelRevision": cluster.status()["model"]["revision"]})
    cluster.settle()
    (incident,) = cluster.status()["incidents"]["tracked"]
    assert (incident["state"], incident["severity"]) == ("Open", "Critical")
    met = cluster.condition("SLOMet")
    assert met["status"] == ("Unknown" if slo is None else "False")
    assert said in met["message"]
    assert cluster.condition("DataAvailable")["status"] == "True"
    assert cluster.status()["state"] == "Anomalous"


def test_one_missing_metric_is_left_out(bench):
    del bench.metrics.series["errors"]
    bench.run(NOW + DELAY)
    assert bench.api.detection["report"]["verdict"] == "Normal"


def test_nothing_is_normal_while_the_source_says_that_data_is_missing(bench):
    bench.metrics.warnings = ["a store did not answer"]
    bench.run(NOW + DELAY)
    report = bench.api.detection["report"]
    assert (report["verdict"], report["reason"]) == ("Inconclusive", "PartialData")
    assert report["warnings"] == ["a store did not answer"]


def test_a_partial_answer_of_victoria_metrics_counts_as_partial_data(bench):
    bench.metrics.more = {"isPartial": True}
    bench.run(NOW + DELAY)
    report = bench.api.detection["report"]
    assert (report["verdict"], report["reason"]) == ("Inconclusive", "PartialData")
    assert "isPartial" in report["warnings"][0]


@pytest.mark.parametrize(
    "remark",
    ["PromQL info: metric might not be a counter (1:10)", "3 more info annotations omitted"],
)
def test_a_remark_on_the_query_keeps_no_window_from_being_normal(bench, remark):
    bench.metrics.warnings = [remark]
    bench.run(NOW + DELAY)
    report = bench.api.detection["report"]
    assert report["verdict"] == "Normal"
    assert report["warnings"] == [remark]


def test_a_late_run_loses_nothing(bench):
    bench.metrics.series["latency"] = slow_between(NOW - 30 * STEP, NOW - 25 * STEP)
    bench.run(NOW - 40 * STEP + DELAY)
    bench.run(NOW + DELAY)
    assert iso(NOW - 27 * STEP) in bench.ends("Anomalous")
    assert bench.api.detection["skippedWindows"] == 0
    assert bench.api.detection["scoredFrom"] == iso(NOW - 41 * STEP)


def test_what_is_older_than_64_windows_is_skipped_and_counted(bench):
    bench.run(NOW - 100 * STEP + DELAY)
    bench.run(NOW + DELAY)
    found = bench.api.detection
    assert found["skippedWindows"] == 36
    assert found["scoredFrom"] == iso(NOW - 64 * STEP)
    bench.run(NOW + STEP + DELAY)
    assert bench.api.detection["skippedWindows"] == 36


def test_findings_stay_listed_while_they_are_in_the_span(bench):
    bench.metrics.series["latency"] = slow_between(NOW - 6 * STEP, NOW - 3 * STEP)
    bench.run(NOW - 7 * STEP + DELAY)
    bench.run(NOW - 3 * STEP + DELAY)
    before = bench.ends("Anomalous")
    assert before
    bench.run(NOW + DELAY)
    assert set(before) <= set(bench.ends("Anomalous"))
    anomaly = bench.api.detection["anomaly"]
    assert anomaly["end"] == bench.worst()["end"]
    assert anomaly["end"] in before
    assert anomaly["findings"][0]["pattern"] == "latency_spike_recent"


def test_in_one_run_or_many_the_windows_are_the_same(bench):
    bench.metrics.series["latency"] = slow_between(NOW - 9 * STEP, NOW - 5 * STEP)
    bench.run(NOW - 12 * STEP + DELAY)
    start = copy.deepcopy(bench.api.detection)
    bench.run(NOW + DELAY)
    at_once = copy.deepcopy(bench.api.detection)
    bench.api.put(start)
    for back in range(11, -1, -1):
        bench.run(NOW - back * STEP + DELAY)
    step_by_step = bench.api.detection
    assert at_once["windows"] == step_by_step["windows"]
    assert at_once["scoredFrom"] == step_by_step["scoredFrom"]


def test_a_faster_run_wins_and_the_slower_one_writes_nothing(bench):
    bench.run(NOW - STEP + DELAY)
    faster = {**bench.api.detection, "scoredThrough": iso(NOW)}
    bench.api.before_apply = [lambda: bench.api.put(faster)]
    bench.run(NOW + DELAY)
    assert bench.api.detection == faster


def test_a_write_by_somebody_else_between_read_and_apply_is_taken_in(bench):
    bench.run(NOW - STEP + DELAY)
    window = {"end": iso(NOW - STEP), "verdict": "Anomalous", "severity": "Low", "score": "4"}
    other = {**bench.api.detection, "windows": [window]}
    bench.api.before_apply = [lambda: bench.api.put(other)]
    bench.run(NOW + DELAY)
    assert bench.api.detection["scoredThrough"] == iso(NOW)
    assert bench.ends("Anomalous") == [iso(NOW - STEP)]


def test_a_source_failure_is_said_once_and_moves_nothing(bench):
    bench.run(NOW - STEP + DELAY)
    before = copy.deepcopy(bench.api.detection)
    for moment in (NOW, NOW + STEP):
        bench.metrics.script = [Answer(401)]
        with pytest.raises(RunError) as caught:
            bench.run(moment + DELAY)
        assert caught.value.outcome is RunOutcome.SOURCE_UNAUTHORIZED
    assert len(bench.api.applied) == 2
    after = bench.api.detection
    assert after["run"]["outcome"] == "SourceUnauthorized"
    assert {**after, "run": None} == {**before, "run": None}
    bench.run(NOW + STEP + DELAY)
    assert bench.api.detection["run"]["outcome"] == "Succeeded"
    assert bench.api.detection["scoredThrough"] == iso(NOW + STEP)


def test_a_failure_of_the_very_first_run_is_said(bench):
    bench.metrics.script = [Answer(400, b'{"error":"parse error"}')]
    with pytest.raises(RunError):
        bench.run(NOW + DELAY)
    assert bench.api.detection["run"]["outcome"] == "InvalidQuery"
    assert "parse error" in bench.api.detection["run"]["message"]


def silent(handler) -> None:
    handler.connection.settimeout(10)
    handler.connection.recv(1)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(503), "SourceUnavailable"),
        (Answer(200, b"<html>maintenance</html>"), "SourceUnavailable"),
        (Answer(200, headers={"Content-Length": "9"}, stream=silent), "SourceUnavailable"),
        (Answer(200, headers={"Content-Length": "999999999999"}), "ResponseTooLarge"),
        (Answer(403), "SourceUnauthorized"),
    ],
)
def test_whatever_the_source_does_no_window_is_lost(bench, answer, outcome):
    bench.metrics.series["latency"] = slow_between(NOW - 8 * STEP, NOW - 4 * STEP)
    bench.run(NOW - 10 * STEP + DELAY)
    bench.config = replace(bench.config, source=replace(bench.config.source, timeout_seconds=0.3))
    for back in (6, 3):
        bench.metrics.script = [answer] * 4
        with pytest.raises(RunError):
            bench.run(NOW - back * STEP + DELAY)
        bench.metrics.script = []
    assert bench.api.detection["run"]["outcome"] == outcome
    assert bench.api.detection["scoredThrough"] == iso(NOW - 10 * STEP)
    bench.run(NOW + DELAY)
    assert bench.api.detection["run"]["outcome"] == "Succeeded"
    assert bench.api.detection["skippedWindows"] == 0
    assert {iso(NOW - k * STEP) for k in (4, 5, 6)} <= set(bench.ends("Anomalous"))


def test_a_fault_of_our_own_is_said_too(bench, monkeypatch):
    monkeypatch.setattr("detector_runtime.commands.score_windows.judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.run(NOW + DELAY)
    assert bench.api.detection["run"]["outcome"] == "InternalError"
    assert "ZeroDivisionError" in bench.api.detection["run"]["message"]


def test_a_model_that_is_not_there_is_said(bench):
    bench.config = replace(
        bench.config, model=ModelRef("20200101-000000-abcdef", "sha256:" + "0" * 64)
    )
    with pytest.raises(RunError) as caught:
        bench.run(NOW + DELAY)
    assert caught.value.exit_code == ExitCode.MODEL_REFUSED
    assert bench.api.detection["run"]["outcome"] == "ModelMissing"
    assert "20200101-000000-abcdef" in bench.api.detection["run"]["message"]


def test_a_model_of_other_metrics_is_refused_with_both_lists(bench):
    bench.config = replace(bench.config, metrics=(RATE,))
    with pytest.raises(RunError) as caught:
        bench.run(NOW + DELAY)
    assert caught.value.outcome is RunOutcome.MODEL_REFUSED
    assert "application_latency" in str(caught.value)


def test_a_service_that_is_gone_ends_the_run_in_peace(bench):
    bench.api.service = None
    with pytest.raises(ServiceGoneError):
        bench.run(NOW + DELAY)


def test_a_service_made_anew_is_not_written_to(bench):
    bench.api.service["metadata"]["uid"] = "another"
    with pytest.raises(ServiceGoneError):
        bench.run(NOW + DELAY)
    assert bench.api.applied == []


def status(code: int, message: str, **headers: str) -> Answer:
    return Answer(code, json.dumps({"message": message}).encode(), headers)


@pytest.mark.parametrize("code", [403, 422])
def test_a_refusal_by_the_api_server_is_final_and_names_its_reason(bench, code):
    bench.api.script = [status(code, "admission says no")]
    with pytest.raises(ApiRefusedError, match="admission says no") as caught:
        bench.run(NOW + DELAY)
    assert caught.value.exit_code == ExitCode.INVALID
    assert len(bench.api.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_api_server_is_asked_again(bench, code):
    bench.api.script = [status(code, "busy"), status(code, "busy", **{"Retry-After": "0"})]
    assert bench.run(NOW + DELAY) == ExitCode.OK
    assert bench.api.detection["scoredThrough"] == iso(NOW)


def test_an_api_server_that_stays_away_is_another_runs_business(bench):
    bench.api.script = [status(503, "starting") for _ in range(8)]
    with pytest.raises(RunError, match="503: starting") as caught:
        bench.run(NOW + DELAY)
    assert caught.value.exit_code == ExitCode.API_UNAVAILABLE


def test_a_rotated_token_is_read_again(bench):
    client = KubernetesAPI("127.0.0.1", bench.api.port, bench.identity, bench.config.service)
    (bench.identity / "token").write_text("old")
    with pytest.raises(ApiRefusedError):
        client.read()
    (bench.identity / "token").write_text("pod-token\n")
    assert client.read().detection is None
    client.close()


def test_a_status_of_a_newer_format_is_left_alone(bench):
    newer: dict[str, Any] = {"formatVersion": 2, "something": "else"}
    bench.api.put(newer)
    with pytest.raises(ApiRefusedError, match="format 2"):
        bench.run(NOW + DELAY)
    assert bench.api.detection == newer


@pytest.mark.parametrize("junk", [{"formatVersion": 1}, {"windows": 5}, {"run": []}])
def test_a_status_that_cannot_be_read_is_made_anew(bench, junk):
    bench.api.put(junk)
    assert bench.run(NOW + DELAY) == ExitCode.OK
    assert bench.api.detection["scoredThrough"] == iso(NOW)


def test_a_clock_that_went_back_writes_nothing(bench):
    bench.run(NOW + DELAY)
    assert bench.run(NOW - 10 * STEP) == ExitCode.OK
    assert len(bench.api.applied) == 1


def test_unlikely_values_are_judged_and_said(bench):
    """Seven errors a request may be counted per attempt: no built-in limit deletes them."""
    bench.metrics.series["errors"] = lambda moment: 7.0
    bench.run(NOW + DELAY)
    report = bench.api.detection["report"]
    assert report["verdict"] == "Anomalous"
    assert any("error_rate" in text for text in report["warnings"]), report["warnings"]


def test_the_document_is_small_and_holds_no_figure_that_is_not_finite(bench):
    bench.metrics.series["latency"] = lambda moment: math.nan if moment % 240 else 99_999.0
    bench.run(NOW - 64 * STEP + DELAY)
    bench.run(NOW + DELAY)
    text = json.dumps(bench.api.detection)
    assert len(bench.api.detection["windows"]) <= 64
    assert len(text) < 32 * 1024
    assert "NaN" not in text.replace("undefined (NaN)", "")
    assert "Infinity" not in text


def with_context(bench: Bench) -> Bench:
    bench.metrics.series["latency"] = slow_between(NOW, NOW + 90 * STEP)
    queries = (ContextQuery("slow", "by_route", unit=Unit.SECONDS), ContextQuery("bad", "broken"))
    bench.config = replace(bench.config, context=queries)
    bench.metrics.labelled = {"by_route": [({"route": "/pay"}, "0.8"), ({"route": "/cart"}, "2")]}
    return bench


def asked_for_context(bench: Bench) -> int:
    return sum(query["query"].startswith("topk(") for query in bench.metrics.queries)


def test_a_normal_window_asks_no_context(bench):
    bench.config = replace(bench.config, context=(ContextQuery("slow", "by_route"),))
    bench.run(NOW + DELAY)
    assert bench.api.detection["report"]["verdict"] == "Normal"
    assert asked_for_context(bench) == 0
    assert "context" not in bench.api.detection


def test_an_alerting_window_brings_its_context_and_asks_again_after_ten_minutes(bench):
    with_context(bench)
    end = NOW + 4 * STEP
    bench.run(NOW + DELAY)
    bench.run(end + DELAY)
    found = {one["name"]: one for one in bench.api.detection["context"]}
    assert found["slow"] == {
        "name": "slow",
        "at": iso(end),
        "rows": [{"label": "/cart", "value": "2 s"}, {"label": "/pay", "value": "800 ms"}],
    }
    assert found["bad"]["note"] == "no series has a value"
    assert asked_for_context(bench) == 2
    bench.run(end + STEP + DELAY)
    assert asked_for_context(bench) == 2
    assert {one["name"] for one in bench.api.detection["context"]} == {"slow", "bad"}
    bench.run(end + 600 + DELAY)
    assert asked_for_context(bench) == 4


def test_a_context_query_that_is_refused_fails_no_run(bench):
    with_context(bench)
    refused = Answer(400, b'{"status": "error", "error": "parse error: unexpected )"}')
    bench.metrics.labelled = {"by_route": refused, "broken": refused}
    bench.run(NOW + DELAY)
    assert bench.run(NOW + 4 * STEP + DELAY) == ExitCode.OK
    found = bench.api.detection
    assert found["run"]["outcome"] == "Succeeded"
    assert found["report"]["verdict"] == "Anomalous"
    assert all("parse error" in one["note"] for one in found["context"])
