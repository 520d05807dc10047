"""The login of another account: its token is kept until shortly before it ends."""

from __future__ import annotations

from typing import cast

from anomaly_operator.client.account_token import AccountLogin
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import Connection

OWN = Connection(
    "https://api:443", "ca.crt", "own.crt", "own.key", authorization="Bearer own", namespace="ops"
)


class Own:
    async def connect(self) -> Connection:
        return OWN


class Tokens:
    """Counts the tokens that it gives out; each lives ten minutes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self.now = 1000.0

    async def token(self, namespace: str, account: str, seconds: int) -> tuple[str, float]:
        self.asked.append((namespace, account, seconds))
        return f"token-{len(self.asked)}", self.now + seconds

    def wall(self) -> float:
        return self.now


def login(tokens: Tokens, namespace: str = "") -> AccountLogin:
    return AccountLogin(Own(), cast("Kube", tokens), "suspender", namespace, tokens.wall)


async def test_the_connection_is_the_accounts_and_carries_nothing_of_our_own() -> None:
    tokens = Tokens()
    found = await login(tokens).connect()
    assert found.authorization == "Bearer token-1"
    assert (found.cert_file, found.key_file) == (None, None)
    assert (found.server, found.ca_file) == (OWN.server, OWN.ca_file)
    assert tokens.asked == [("ops", "suspender", 600)]


async def test_a_token_is_kept_and_replaced_two_minutes_before_its_end() -> None:
    tokens = Tokens()
    found = login(tokens)
    await found.connect()
    tokens.now += 479
    assert (await found.connect()).authorization == "Bearer token-1"
    tokens.now += 1
    assert (await found.connect()).authorization == "Bearer token-2"
    assert len(tokens.asked) == 2


async def test_the_namespace_may_be_given() -> None:
    tokens = Tokens()
    await login(tokens, "release").connect()
    assert tokens.asked[0][0] == "release"
