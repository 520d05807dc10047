"""The document of the API says what the server does: requests made from it, answers held to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis

from detector_runtime.serving.document import openapi
from detector_runtime.serving.options import Auth, Bounds
from pretend.served_model import Largest, serving


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    bounds = Bounds(rate=1_000_000, jobs=100_000)
    path = tmp_path_factory.mktemp("served") / "served.json"
    with serving(path, Largest(), bounds=bounds) as running:
        yield f"http://127.0.0.1:{running.port}"


document = schemathesis.openapi.from_dict(openapi("1.2.3", Largest(), Auth.NONE))


@document.parametrize()
@hypothesis.settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_request_made_from_the_document_is_answered_by_it(base: str, case: Any) -> None:
    case.call_and_validate(base_url=base)


def test_the_document_names_the_features_of_the_model_that_answers() -> None:
    schema = openapi("1", Largest(features=("a", "b")), Auth.NONE)["components"]["schemas"]
    assert list(schema["Features"]["properties"]) == ["a", "b"]
    assert schema["Features"]["required"] == ["a", "b"]
    assert schema["Observation"]["required"] == ["features"]
    remembering = openapi("1", Largest(needs_history=True), Auth.NONE)["components"]["schemas"]
    assert remembering["Observation"]["required"] == ["features", "time", "history"]


def test_the_document_says_what_needs_a_token() -> None:
    paths = openapi("1", None, Auth.TOKEN)["paths"]
    secured = {
        path
        for path, verbs in paths.items()
        for operation in verbs.values()
        if operation.get("security") == [{"bearer": []}] and "401" in operation["responses"]
    }
    assert secured == {
        "/model/info", "/predict", "/predict/batch", "/predict/async", "/jobs/{job_id}",
    }  # fmt: skip
