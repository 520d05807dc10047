"""Each product of the table in operator/docs/sources.md, played by a stand-in on loopback: the path
and the settings that it needs, and its own words for partial data and for a range that is too long.

Where the words are documented:
Prometheus      https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
Thanos          https://thanos.io/tip/components/query.md/#partial-response
Mimir           https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/#err-mimir-max-query-length
Cortex          https://cortexmetrics.io/docs/configuration/configuration-file/#limits_config
VictoriaMetrics https://docs.victoriametrics.com/victoriametrics/single-server-victoriametrics/#resource-usage-limits
its cluster     https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/#cluster-availability
Amazon          https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-APIReference-QueryMetrics.html
                https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html
Google          https://docs.cloud.google.com/stackdriver/docs/managed-prometheus/query-api-ui
Azure           https://learn.microsoft.com/azure/azure-monitor/metrics/prometheus-api-promql
Google and Azure document no words for a range that is too long; theirs are made up here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from anomaly_operator.manifests.run_config import resolve, scoring_config
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.run_config import ModelRef, RunConfig
from detector_runtime.sources.fetched import Fetched
from detector_runtime.sources.prometheus import PrometheusSource
from detector_runtime.sources.prometheus_api import PrometheusMounts
from loopback.prometheus import FakePrometheus
from loopback.server import Answer

DOCS = Path(__file__).parents[4] / "operator" / "docs" / "sources.md"
DAY = 86_400
STEP = 300
END = 1_780_000_200
QUERY = "sum(rate(http_requests_total[5m]))"


def error(status: int, said: str, kind: str = "execution") -> Answer:
    body = {"status": "error", "errorType": kind, "error": said}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Dialect:
    """`path` of the url; `partial` what a partial answer adds (None: there are none); `limit` the
    refusal of a long range. `headers` and `parameters`: what must arrive.
    """

    path: str
    limit: Answer
    partial: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, list[str]] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)


TOO_LONG = "the query time range exceeds the limit (query length: 917h0m0s, limit: 768h0m0s)"
TENANT = {"headers": {"X-Scope-OrgID": "$(namespace)"}}
DIALECTS = {
    "Prometheus": Dialect(
        path="",
        limit=error(503, "query timed out in expression evaluation", "timeout"),
        partial={"warnings": ["remote_read: remote server http://far/ returned HTTP status 500"]},
        whole={"infos": ["PromQL info: metric might not be a counter (1:10)"]},
    ),
    "Thanos": Dialect(
        path="",
        settings={"queryParameters": {"dedup": True, "max_source_resolution": "5m"}},
        parameters={"dedup": ["true"], "max_source_resolution": ["5m"]},
        limit=error(422, TOO_LONG, "bad_data"),
        partial={
            "warnings": [
                (
                    "receive series from Addr: 10.1.2.3:10901 LabelSets: {} MinTime: 0 MaxTime: 9: "
                    "rpc error: code = Unavailable desc = error reading from server: EOF"
                )
            ]
        },
    ),
    "Mimir": Dialect(
        path="/prometheus",
        settings=TENANT,
        headers={"x-scope-orgid": "shop"},
        limit=error(
            422,
            f"{TOO_LONG} (err-mimir-max-query-length). To adjust the related per-tenant limit, "
            "configure -querier.max-partial-query-length, or contact your service administrator.",
        ),
        whole={"warnings": ["PromQL warning: quantile value should be between 0 and 1 (1:9)"]},
    ),
    "Cortex": Dialect(
        path="/prometheus",
        settings=TENANT,
        headers={"x-scope-orgid": "shop"},
        limit=error(422, TOO_LONG),
        partial={"warnings": ["query result may contain partial data"]},
    ),
    "VictoriaMetrics": Dialect(
        path="",
        settings={"limits": {"maxPoints": 30_000}},
        limit=error(
            422,
            "cannot select more than -search.maxSamplesPerQuery=1000000000 samples; possible "
            "solutions: increase the -search.maxSamplesPerQuery; reduce time range for the query",
            "422",
        ),
        whole={"isPartial": False, "stats": {"seriesFetched": "1", "executionTimeMsec": 3}},
    ),
    "VictoriaMetrics cluster": Dialect(
        path="/select/0/prometheus",
        limit=error(
            422,
            "too many points for the given step=300000, start=1, end=2: 11000; "
            "cannot exceed -search.maxPointsPerTimeseries=9216",
            "422",
        ),
        partial={"isPartial": True},
        whole={"isPartial": False},
    ),
    "Amazon Managed Service for Prometheus": Dialect(
        path="/workspaces/ws-0123",
        limit=error(422, "expanding series: the query hit the aggregated data size limit"),
        settings={"harmlessWarnings": ["query samples processed"]},
        whole={"warnings": ["query samples processed 120000 above the warning threshold"]},
    ),
    "Google Cloud Managed Service for Prometheus": Dialect(
        path="/v1/projects/p/location/global/prometheus",
        limit=Answer(
            400,
            b'{"error":{"code":400,"message":"the query time range is too large",'
            b'"status":"INVALID_ARGUMENT"}}',
        ),
    ),
    "Azure Monitor managed service for Prometheus": Dialect(
        path="",
        limit=error(422, "query time range exceeds the maximum of 32 days", "bad_data"),
        settings={"limits": {"maxRange": "31d"}},
    ),
}


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({QUERY: lambda t: 2.0}) as running:
        yield running


def config_of(server: FakePrometheus, dialect: Dialect) -> RunConfig:
    """The way of a setting: read from YAML, rendered for a service of the namespace `shop`."""
    given = {"url": server.url + dialect.path, "allowLoopback": True, **dialect.settings}
    settings = parse_settings(json.dumps({"sources": {"default": given}}))
    spec, _ = parse_service({"metrics": [{"name": "rate", "query": QUERY}], "step": "5m"})
    assert spec is not None
    meta = Meta("v1alpha1", "AnomalyService", "shop", "checkout", "uid-1", "1", generation=1)
    return scoring_config(resolve(meta, spec, settings, 0), None, ModelRef("r", "sha256:0"))


def fetched(server: FakePrometheus, dialect: Dialect, folder: Path, days: int = 1) -> Fetched:
    config = config_of(server, dialect)
    source = PrometheusSource(
        config.source,
        config.metrics,
        step=config.step_seconds,
        mounts=PrometheusMounts(folder, folder),
        deadline=time.monotonic() + 60,
        sleep=lambda _: None,
    )
    return source.fetch(END - days * DAY, END)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_product_is_asked_as_it_wants_to_be(server, tmp_path: Path, name: str) -> None:
    dialect = DIALECTS[name]
    server.more = dialect.whole
    found = fetched(server, dialect, tmp_path)
    assert (found.frame.values == 2.0).all()
    assert not found.partial
    (asked,) = server.asked
    url = urlsplit(asked.path)
    assert url.path == f"{dialect.path}/api/v1/query_range"
    assert dialect.headers.items() <= asked.headers.items()
    assert dialect.parameters.items() <= parse_qs(url.query).items()


@pytest.mark.parametrize("name", [name for name, one in DIALECTS.items() if one.partial])
def test_a_partial_answer_is_known_by_the_products_own_sign(
    server, tmp_path: Path, name: str
) -> None:
    dialect = DIALECTS[name]
    assert dialect.partial is not None
    server.more = dialect.partial
    found = fetched(server, dialect, tmp_path)
    assert found.partial
    assert found.warnings


@pytest.mark.parametrize("name", DIALECTS)
def test_a_range_that_the_product_refuses_is_asked_for_in_parts(
    server, tmp_path: Path, name: str
) -> None:
    dialect = DIALECTS[name]
    server.refuse = lambda start, end, step: dialect.limit if end - start > 32 * DAY else None
    found = fetched(server, dialect, tmp_path, days=60)
    assert (found.frame.values == 2.0).all()
    longest = [int(one["end"]) - int(one["start"]) > 32 * DAY for one in server.queries]
    assert longest.count(True) <= 1


@pytest.mark.parametrize("name", DIALECTS)
def test_a_signing_proxy_finds_nothing_to_sign_over(server, tmp_path: Path, name: str) -> None:
    """It adds Authorization and headers of its own: none of them is there before."""
    fetched(server, DIALECTS[name], tmp_path)
    ours = {"host", "accept", "accept-encoding"} | set(DIALECTS[name].headers)
    assert set(server.asked[0].headers) == ours
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
)
def test_a_proxy_of_the_environment_cannot_lead_past_the_address_guard(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with FakePrometheus({QUERY: lambda t: 666.0}) as proxy:
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert (fetched(server, DIALECTS["Prometheus"], tmp_path).frame.values == 2.0).all()
        assert proxy.asked == []


def test_the_table_of_the_docs_has_a_row_for_each_product() -> None:
    rows = [line.split("|")[1].strip() for line in DOCS.read_text().splitlines() if "|" in line]
    assert [name for name in DIALECTS if name not in rows] == []


def test_the_way_of_a_setting_changes_nothing_for_other_namespaces(server) -> None:
    config = config_of(server, replace(DIALECTS["Mimir"], settings={}))
    assert config.source.request is None
