"""What an administrator may add to the requests of a source, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.api.fields import SettingsError
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import MetricsSource
from detector_runtime.contract.source_request import SourceLimits


def source(**fields: Any) -> MetricsSource:
    settings = {"sources": {"a": {"url": "http://mimir/prometheus", **fields}}}
    return parse_settings(json.dumps(settings)).sources["a"]


def test_nothing_is_added_where_nothing_is_set() -> None:
    plain = source()
    assert (plain.headers, plain.query_parameters, plain.harmless_warnings) == ((), (), ())
    assert plain.limits == SourceLimits()


def test_headers_parameters_and_limits_arrive() -> None:
    given = source(
        headers={"X-Scope-OrgID": "team-a", "X-Prom-Label-Proxy": "$(namespace)"},
        queryParameters={
            "dedup": True,
            "max_source_resolution": "5m",
            "limit": 5,
            "extra_filters[]": ['{a="1"}', '{b="2"}'],
        },
        limits={"maxRange": "744h", "maxPoints": 30000},
        harmlessWarnings=["query samples processed"],
    )
    assert given.headers == (("X-Prom-Label-Proxy", "$(namespace)"), ("X-Scope-OrgID", "team-a"))
    assert given.query_parameters == (
        ("dedup", "true"),
        ("extra_filters[]", '{a="1"}'),
        ("extra_filters[]", '{b="2"}'),
        ("limit", "5"),
        ("max_source_resolution", "5m"),
    )
    assert given.limits == SourceLimits(max_points=30_000, max_range_seconds=744 * 3600)
    assert given.harmless_warnings == ("query samples processed",)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "Host",
        "Connection",
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Accept-Encoding",
        "TE",
        "Upgrade",
        "X Scope",
        "X-Scope:",
        "",
        "X\nEvil",
    ],
)
def test_a_header_that_is_a_login_or_the_clients_own_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"sources\.a\.headers\."):
        source(headers={name: "x"})


@pytest.mark.parametrize("name", ["query", "start", "end", "step", "timeout", "a b", "a&b", "a=b"])
def test_a_parameter_that_would_change_the_query_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"sources\.a\.queryParameters\."):
        source(queryParameters={name: "x"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"headers": {"Authorization": "x"}}, "is a login; put it into the Secret that auth names"),
        ({"headers": {"X-A": 5}}, "headers.X-A: 5 is not a string; put it in quotes"),
        ({"headers": {"X-A": "a\r\nX-B: c"}}, "a character outside printable ASCII"),
        ({"headers": {"X-A": " a"}}, "or a blank at an end"),
        ({"headers": {"X-A": ""}}, "a value has 1 to 512 characters, this one 0"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers: x-a stands here twice"),
        ({"headers": {"X-A": "$(service)"}}, "$(service) is not filled in here; only $(namespace)"),
        ({"headers": {f"X-{k}": "v" for k in range(17)}}, "17 entries, at most 16"),
        ({"headers": ["X-A"]}, "expected a mapping"),
        ({"queryParameters": {"dedup": 0.5}}, "dedup: 0.5 is not a string; put it in quotes"),
        ({"queryParameters": {"step": "5m"}}, "step is set for each query"),
        ({"limits": {"maxRange": "1s"}}, "limits.maxRange: 1s is not between"),
        ({"limits": {"maxPoints": 1}}, "limits.maxPoints: 1 is not between"),
        ({"limits": {"maxSamples": 1}}, "unknown setting sources.a.limits.maxSamples"),
        ({"harmlessWarnings": ["a"]}, "harmlessWarnings: 'a' has 1 characters; write 8 to 160"),
        ({"auth": {"type": "SigV4"}}, "point url at a proxy that signs"),
        ({"url": "http://x/?dedup=1"}, "headers for a tenant and queryParameters for a query"),
    ],
)
def test_what_cannot_be_added_is_refused_with_its_path(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        source(**fields)
    assert words in str(refused.value)


def test_a_csv_source_has_no_requests() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting sources\.a\.headers"):
        parse_settings("sources: {a: {type: CSV, claim: c, headers: {X-A: b}}}")
