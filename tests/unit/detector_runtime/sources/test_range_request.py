"""What a source is asked with: the administrator's headers and parameters beside our own."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.source_request import SourceRequest
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.http_exchange import Request
from detector_runtime.sources.address_guard import Endpoint
from detector_runtime.sources.range_request import range_requests

ENDPOINT = Endpoint(True, "proxy.test", 443, "/workspaces/ws-1", ("10.0.0.1",))
OWN = {"query": "up", "start": "60", "end": "120", "step": "60", "timeout": "30s"}


def request(added: SourceRequest | None, query: str = "up", login: str = "") -> Request:
    spec = SourceSpec("default", SourceType.PROMETHEUS, request=added)
    return range_requests(spec, ENDPOINT, login).request(query, 60, 120, 60, 30.0)


def parameters(made: Request) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(made.target).query)


def test_without_additions_only_our_own_is_sent() -> None:
    made = request(None)
    assert made.headers == {"Accept": "application/json", "Accept-Encoding": "identity"}
    assert dict(parameters(made)) == OWN
    assert urlsplit(made.target).path == "/workspaces/ws-1/api/v1/query_range"


def test_headers_and_parameters_are_added() -> None:
    added = SourceRequest(
        headers=(("X-Scope-OrgID", "team-a"),),
        parameters=(("dedup", "true"), ("extra_filters[]", '{a="1"}'), ("extra_filters[]", "b")),
    )
    made = request(added, login="Bearer t")
    assert made.headers["X-Scope-OrgID"] == "team-a"
    assert made.headers["Authorization"] == "Bearer t"
    assert parameters(made) == [*OWN.items(), *added.parameters]


def test_additions_to_a_long_query_stay_in_the_address() -> None:
    """Proxies that authorize by a parameter, as OpenShift's, read it there alone."""
    made = request(SourceRequest(parameters=(("namespace", "shop"),)), query="x" * 7000)
    assert made.method == "POST"
    assert parameters(made) == [("namespace", "shop")]
    assert made.body is not None
    assert dict(parse_qsl(made.body.decode())) == OWN | {"query": "x" * 7000}


@pytest.mark.parametrize(
    "added",
    [
        SourceRequest(headers=(("Authorization", "Bearer x"),)),
        SourceRequest(headers=(("Host", "elsewhere"),)),
        SourceRequest(headers=(("Content-Length", "0"),)),
        SourceRequest(headers=(("X-A", "a\r\nX-B: c"),)),
        SourceRequest(parameters=(("query", "up"),)),
        SourceRequest(parameters=(("end", "1"),)),
    ],
)
def test_a_runner_refuses_what_the_operator_should_have_refused(added: SourceRequest) -> None:
    with pytest.raises(ConfigInvalidError, match="source 'default'"):
        request(added)


def test_a_login_is_not_shown() -> None:
    spec = SourceSpec("default", SourceType.PROMETHEUS)
    requests = range_requests(spec, ENDPOINT, "Bearer canary")
    assert "canary" not in f"{requests!r} {request(None, login='Bearer canary')!r}"
