"""Sessions, seals, limits, addresses, codes: the parts that need no request."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from anomaly_dashboard.identity import proxy
from anomaly_dashboard.identity.addresses import address, split_host
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.identity.lines import TokenLogin
from anomaly_dashboard.identity.one_time_code import OneTimeCode
from anomaly_dashboard.identity.refused import RefusedError
from anomaly_dashboard.identity.seal import Seal
from anomaly_dashboard.identity.sessions import (
    IDLE_SECONDS,
    LIFE_SECONDS,
    MOST_OF_ONE,
    Sessions,
    key_of,
)
from anomaly_dashboard.pages.sign_in import own_path
from anomaly_dashboard.settings import ProxySettings
from anomaly_operator.client.login import Connection

NOW = 1_790_000_000.0
PROXY = ProxySettings("X-User", "X-Groups", (ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


class Own:
    async def connect(self) -> Connection:
        return Connection("https://api", cert_file="/own.crt", key_file="/own.key", namespace="ops")


LOGIN = TokenLogin(Own(), "secret-token")


def connection(peer: str, *headers: tuple[str, str]) -> HTTPConnection:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return HTTPConnection({"type": "http", "client": (peer, 1), "headers": raw})


def opened(sessions: Sessions, name: str = "ann", **changes: Any) -> str:
    times: dict[str, Any] = {"now": NOW, "ends": NOW + LIFE_SECONDS, **changes}
    return sessions.open(name, (), LOGIN, times.pop("now"), **times)


async def test_a_token_takes_nothing_of_the_dashboards_own_credentials_along() -> None:
    found = await LOGIN.connect()
    assert found.authorization == "Bearer secret-token"
    assert (found.server, found.cert_file, found.key_file) == ("https://api", None, None)
    assert "secret" not in repr(LOGIN)


def test_a_session_ends_when_it_is_idle_and_when_it_is_old() -> None:
    sessions = Sessions()
    identity = opened(sessions)
    assert sessions.find(identity, NOW + IDLE_SECONDS - 1)
    assert sessions.find(identity, NOW + 2 * IDLE_SECONDS - 2)
    assert sessions.find(identity, NOW + 3 * IDLE_SECONDS) is None
    identity, now = opened(sessions), NOW
    while now < NOW + LIFE_SECONDS:
        assert sessions.find(identity, now)
        now += IDLE_SECONDS / 2
    assert sessions.find(identity, now) is None
    assert len(sessions) == 0


def test_a_session_ends_with_its_token() -> None:
    sessions = Sessions()
    identity = opened(sessions, ends=NOW + 60)
    assert sessions.find(identity, NOW + 59)
    assert sessions.find(identity, NOW + 60) is None


def test_one_person_has_few_sessions_and_all_together_a_bounded_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anomaly_dashboard.identity.sessions.MOST", 30)
    sessions = Sessions()
    first = opened(sessions, "bob")
    mine = [opened(sessions) for _ in range(MOST_OF_ONE + 2)]
    assert [bool(sessions.find(one, NOW)) for one in mine[:3]] == [False, False, True]
    for number in range(10):
        opened(sessions, f"person {number}")
    assert len(sessions) == 30
    assert sessions.find(first, NOW) is None


def test_an_id_is_long_and_is_not_what_is_kept() -> None:
    sessions = Sessions()
    identity = opened(sessions)
    assert len(identity) >= 43
    found = sessions.find(identity, NOW)
    assert found is not None
    assert found.key == key_of(identity) != identity


def test_a_seal_is_written_otherwise_each_time_and_holds_for_its_session_alone() -> None:
    seal, another = Seal(), Seal()
    one, two = seal.token("a"), seal.token("a")
    assert one != two
    assert seal.holds("a", one)
    assert seal.holds("a", two)
    assert not seal.holds("b", one)
    assert not another.holds("a", one)
    for wrong in ("", "x", one[:-4], one + "AAAA", "é" * 88, one.replace(one[3], "~")):
        assert not seal.holds("a", wrong)


def test_a_limit_lets_a_burst_pass_and_then_a_rate() -> None:
    now = [0.0]
    limit = Limit(10 / 60, 3, lambda: now[0])
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False]
    assert limit.take("b")
    with pytest.raises(RefusedError) as refused:
        limit.spend("a")
    assert (refused.value.status, refused.value.wait) == (429, 6)
    now[0] += 6
    assert limit.left("a")
    assert limit.left("a")
    assert [limit.take("a"), limit.take("a")] == [True, False]


def test_the_peers_word_on_whom_it_forwards_for_counts_from_the_named_networks_alone() -> None:
    said = ("X-Forwarded-For", "203.0.113.9, 198.51.100.4")
    assert address(connection("10.1.2.3", said), PROXY.networks) == "198.51.100.4"
    assert address(connection("::ffff:10.1.2.3", said), PROXY.networks) == "198.51.100.4"
    assert address(connection("192.0.2.1", said), PROXY.networks) == "192.0.2.1"
    nonsense = ("X-Forwarded-For", "nonsense")
    assert address(connection("10.1.2.3", nonsense), PROXY.networks) == "10.1.2.3"


def test_hosts_are_read_with_and_without_a_port() -> None:
    assert split_host("Dashboard.Example:8050") == ("dashboard.example", "8050")
    assert split_host("[::1]:8050") == ("::1", "8050")
    assert split_host("[::1]") == ("::1", "")
    assert split_host("localhost") == ("localhost", "")


def test_a_proxy_names_people_and_never_what_is_the_clusters_own() -> None:
    user, groups = ("X-User", "ann"), ("X-Groups", "b, system:masters,a,a,")
    found = proxy.named(connection("10.1.2.3", user, groups), PROXY)
    assert found is not None
    assert (found.name, found.groups) == ("ann", ("a", "b", "system:authenticated"))
    assert found.read_only
    another = proxy.named(connection("10.1.2.3", user, ("X-Groups", "a")), PROXY)
    assert another is not None
    assert another.key != found.key
    assert proxy.named(connection("192.0.2.1", user), PROXY) is None
    for wrong in ("system:admin", "", " ", "a" * 513, "a\x00b"):
        assert proxy.named(connection("10.1.2.3", ("X-User", wrong)), PROXY) is None
    twice = connection("10.1.2.3", user, ("X-User", "bob"))
    assert proxy.named(twice, PROXY) is None


def test_headers_of_anybody_else_are_taken_off_the_request() -> None:
    for peer, left in (("192.0.2.1", ["accept"]), ("10.1.2.3", ["x-user", "x-groups", "accept"])):
        scope = dict(connection(peer, ("X-User", "a"), ("X-Groups", "b"), ("Accept", "*/*")).scope)
        proxy.strip(scope, PROXY)
        assert [name.decode() for name, _ in scope["headers"]] == left


def test_a_code_works_once() -> None:
    code = OneTimeCode()
    assert len(code.text) >= 22
    assert not code.use("wrong")
    assert not code.use("fälsch")
    assert code.use(code.text)
    assert not code.use(code.text)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "", "x", "/\t/evil.example",
     "/a\nb", "javascript:alert(1)"],
)  # fmt: skip
def test_after_signing_in_one_stays_here(target: str) -> None:
    assert own_path(target) == "/"
    assert own_path("/incidents/shop/a?x=1") == "/incidents/shop/a?x=1"
