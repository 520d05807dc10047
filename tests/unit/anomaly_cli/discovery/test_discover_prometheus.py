"""`kubectl-anomaly discover --source-url` against a loopback server that answers or misbehaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from anomaly_cli.__main__ import main
from anomaly_cli.discovery.calls import DiscoveryError
from anomaly_cli.discovery.formats import Format
from anomaly_cli.discovery.prometheus import Source, ask
from loopback.server import Answer, Asked, LoopbackServer

Labels = dict[str, str]


def vector(*series: tuple[Labels, float], **more: object) -> Answer:
    result = [{"metric": labels, "value": [1_700_000_000, str(rate)]} for labels, rate in series]
    data = {"resultType": "vector", "result": result}
    return Answer(200, json.dumps({"status": "success", "data": data, **more}).encode())


def query(asked: Asked) -> str:
    return parse_qs(urlsplit(asked.path).query)["query"][0]


def answering(text: str, answer: Answer) -> Callable[[Asked], Answer]:
    """`answer` to queries that contain `text`, no series to others."""
    return lambda asked: answer if text in query(asked) else vector()


def source(server: LoopbackServer, **more: Any) -> Source:
    return Source(server.url, {}, 10.0, **more)


WEB_CART = ({"client": "web", "server": "cart"}, 2.0)


def test_the_first_format_with_calls_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    series = {"source_workload": "web", "destination_workload": "cart"}
    respond = answering("istio_requests_total", vector((series, 2.0)))
    with LoopbackServer(respond) as server:
        assert main(["discover", "--source-url", f"{server.url}/prometheus/", "--since", "2h"]) == 0
    out, _ = capsys.readouterr()
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(out)] == ["web"]
    queries = [query(asked) for asked in server.asked]
    assert queries[0] == (
        "sum by (client, client_k8s_namespace_name, client_service_namespace, server, "
        "server_k8s_namespace_name, server_service_namespace, connection_type) "
        "(rate(traces_service_graph_request_total[2h]))"
    )
    assert 'istio_requests_total{reporter="source"}' in queries[-1]
    assert server.asked[0].path.startswith("/prometheus/api/v1/query?")


def test_headers_and_token_are_sent_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    with LoopbackServer(lambda asked: Answer(401, b"no secret-token")) as server:
        code = main(
            [
                *("discover", "--source-url", server.url, "--token-file", str(token)),
                *("--header", "X-Scope-OrgID: team"),
            ]
        )
    assert code == 2
    assert server.asked[0].headers["authorization"] == "Bearer secret-token"
    assert server.asked[0].headers["x-scope-orgid"] == "team"
    out, err = capsys.readouterr()
    assert "secret-token" not in out + err
    assert "--token-file" in err


def test_missing_data_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    respond = answering("service_graph", vector(WEB_CART, warnings=["store 3 is unavailable"]))
    with LoopbackServer(respond) as server:
        assert main(["discover", "--source-url", server.url, "--format", "otel"]) == 0
    assert "data is missing: store 3 is unavailable" in capsys.readouterr().err


def test_an_answer_that_is_too_large_ends() -> None:
    with (
        LoopbackServer(lambda asked: Answer(200, b" " * 2_000)) as server,
        pytest.raises(DiscoveryError, match="pass it with --data"),
    ):
        ask(source(server, max_bytes=1_000), (Format.OTEL,), "1d", every=False)


def test_an_endless_answer_ends() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        try:
            while True:
                handler.wfile.write(b" " * 4096)
        except OSError:
            return

    with (
        LoopbackServer(lambda asked: Answer(200, stream=endless)) as server,
        pytest.raises(DiscoveryError),
    ):
        ask(source(server, max_bytes=100_000), (Format.OTEL,), "1d", every=False)


def test_a_redirect_is_not_followed() -> None:
    with (
        LoopbackServer(lambda asked: Answer(302, headers={"Location": "/x"})) as server,
        pytest.raises(DiscoveryError, match="redirects are not followed"),
    ):
        ask(source(server), (Format.OTEL,), "1d", every=False)
    assert len(server.asked) == 1


def test_what_prometheus_says_of_a_query_is_told() -> None:
    body = json.dumps({"status": "error", "error": "query timed out"}).encode()
    with (
        LoopbackServer(lambda asked: Answer(422, body)) as server,
        pytest.raises(DiscoveryError, match="422: query timed out"),
    ):
        ask(source(server), (Format.OTEL,), "1d", every=False)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("prometheus:9090", "is no address"),
        ("ftp://prometheus", "is no address"),
        ("http://prometheus:port", "--source-url"),
        ("http://me:secret@prometheus", "holds credentials"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    capsys: pytest.CaptureFixture[str], url: str, told: str
) -> None:
    assert main(["discover", "--source-url", url]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--since", "1y", "--since: '1y' is not a duration"),
        ("--since", "1s", "--since is 1s; allowed is 1m to 90d"),
        ("--header", "no colon", "--header 'no colon' is no header"),
    ],
)
def test_an_option_of_the_source_is_checked(
    capsys: pytest.CaptureFixture[str], option: str, value: str, told: str
) -> None:
    assert main(["discover", "--source-url", "http://127.0.0.1:9", option, value]) == 2
    assert told in capsys.readouterr().err


def test_a_file_of_certificates_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "ca.crt"
    url = "https://127.0.0.1:9"
    assert main(["discover", "--source-url", url, "--ca-file", str(missing)]) == 2
    assert f"--ca-file {missing} cannot be used: no such file" in capsys.readouterr().err
