"""Who may ask: the token of a file, or whom Kubernetes vouches for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detector_runtime.serving.authentication import (
    AuthUnavailableError,
    TokenFile,
    TokenReviews,
)
from detector_runtime.serving.options import Auth
from loopback.server import Answer, Asked, LoopbackServer, make_certificate
from pretend.served_model import GOOD, Largest, serving

ALICE, OWN = "alice-token", "own-token"
Reviewing = Callable[[Asked], Answer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def reviewed(asked: Asked) -> Answer:
    """As the API server: alice is known, for whom she asks."""
    spec = json.loads(asked.body)["spec"]
    status = {"authenticated": spec["token"] == ALICE}
    if "audiences" in spec and status["authenticated"]:
        status["audiences"] = spec["audiences"]
    return Answer(201, json.dumps({"status": status}).encode())


@pytest.fixture
def identity(tmp_path: Path, certificate: tuple[Path, Path]) -> Path:
    (tmp_path / "ca.crt").write_bytes(certificate[0].read_bytes())
    (tmp_path / "token").write_text(OWN + "\n")
    return tmp_path


@pytest.fixture
def cluster(certificate: tuple[Path, Path]) -> Iterator[LoopbackServer]:
    with LoopbackServer(reviewed, certificate) as running:
        yield running


async def test_kubernetes_vouches_for_a_token(cluster: LoopbackServer, identity: Path) -> None:
    reviews = TokenReviews(("127.0.0.1", cluster.port), identity, "anomaly")
    assert await reviews.allows(ALICE)
    assert not await reviews.allows("mallory-token")
    (first, _) = cluster.asked
    assert (first.method, first.path) == ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")
    assert first.headers["authorization"] == f"Bearer {OWN}"
    assert json.loads(first.body)["spec"] == {"token": ALICE, "audiences": ["anomaly"]}


async def test_an_answer_of_kubernetes_is_kept_briefly(
    cluster: LoopbackServer, identity: Path
) -> None:
    reviews = TokenReviews(("127.0.0.1", cluster.port), identity, "")
    for _ in range(5):
        assert await reviews.allows(ALICE)
        assert not await reviews.allows("mallory-token")
    assert len(cluster.asked) == 2


async def test_a_token_for_somebody_else_is_not_taken(
    certificate: tuple[Path, Path], identity: Path
) -> None:
    other = {"status": {"authenticated": True, "audiences": ["https://kubernetes.default"]}}
    with LoopbackServer(lambda _: Answer(201, json.dumps(other).encode()), certificate) as cluster:
        reviews = TokenReviews(("127.0.0.1", cluster.port), identity, "anomaly")
        assert not await reviews.allows(ALICE)


@pytest.mark.parametrize("answer", [Answer(403, b"{}"), Answer(500, b""), Answer(201, b"<html>")])
async def test_without_an_answer_nobody_is_let_in_and_nothing_is_kept(
    certificate: tuple[Path, Path], identity: Path, answer: Answer
) -> None:
    answers = [answer]

    def respond(asked: Asked) -> Answer:
        return answers.pop() if answers else reviewed(asked)

    with LoopbackServer(respond, certificate) as cluster:
        reviews = TokenReviews(("127.0.0.1", cluster.port), identity, "")
        with pytest.raises(AuthUnavailableError, match="TokenReview"):
            await reviews.allows(ALICE)
        assert await reviews.allows(ALICE)


async def test_a_rotated_token_is_taken_and_the_old_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "token"
    allowed = TokenFile(path)
    with pytest.raises(AuthUnavailableError, match="holds no token"):
        await allowed.allows("one")
    path.write_text("one\n")
    assert await allowed.allows("one")
    aside = tmp_path / "aside"
    aside.write_text("two\n")
    aside.rename(path)
    assert await allowed.allows("two")
    assert not await allowed.allows("one")
    assert not await allowed.allows("")


def test_only_what_costs_something_asks_for_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("good")
    path = tmp_path / "served.json"
    with serving(path, Largest(), auth=Auth.TOKEN, authenticator=TokenFile(token)) as api:
        for given in ({}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic good"}):
            status, headers, _ = api.ask("POST", "/predict", GOOD, given)
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert api.ask("GET", "/model/info", headers=given)[0] == 401
        good = {"Authorization": "Bearer good"}
        assert api.ask("POST", "/predict", GOOD, good)[0] == 200
        for public in ("/health", "/ready", "/metrics", "/openapi.json"):
            assert api.ask("GET", public)[0] == 200


def test_who_cannot_be_asked_about_is_told_to_come_again(
    tmp_path: Path, identity: Path, certificate: tuple[Path, Path]
) -> None:
    with LoopbackServer(lambda _: Answer(500), certificate) as cluster:
        reviews = TokenReviews(("127.0.0.1", cluster.port), identity, "")
        path = tmp_path / "served.json"
        with serving(path, Largest(), auth=Auth.TOKEN_REVIEW, authenticator=reviews) as api:
            status, headers, _ = api.ask(
                "POST", "/predict", GOOD, {"Authorization": f"Bearer {ALICE}"}
            )
            assert (status, headers["retry-after"]) == (503, "1")
