"""An MLflow tracking server on loopback: one run, its metrics with pages, as the published REST
interface answers.

It lists a history by time, step and value, and its page token is the place where the page begins.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback.server import Answer, Asked, LoopbackServer

RUN = "8a4c1f0e6a5d4b0f9d4e5a6b7c8d9e0f"


def said_by_mlflow(value: float) -> Any:
    """A double as protobuf's JSON has it: NaN and infinities are text."""
    return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124


class FakeMLflow(LoopbackServer):
    """`metrics`: by name, the logged (milliseconds, step, value). Answers in `script` are given
    first. `pages` False: the whole history at once, as a store on files answers."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.status = "RUNNING"
        self.stage = "active"
        self.metrics: dict[str, list[tuple[int, int, float]]] = {}
        self.script: list[Answer] = []
        self.pages = True
        self.tokens_known = True
        self.whole_numbers_as_text = False
        super().__init__(self._respond, certificate)

    @property
    def pages_asked(self) -> list[dict[str, str]]:
        """The parameters of each page of a history that was asked for."""
        return [_parameters(one) for one in self.asked if "get-history" in one.path]

    def log(self, milliseconds: int, step: int, /, **values: float) -> None:
        for name, value in values.items():
            self.metrics.setdefault(name, []).append((milliseconds, step, value))

    def _respond(self, asked: Asked) -> Answer:
        if self.script:
            return self.script.pop(0)
        parameters, path = _parameters(asked), urlsplit(asked.path).path
        if parameters.get("run_id") != RUN:
            return refusal(
                404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={parameters.get('run_id')} not found"
            )
        if path.endswith("/api/2.0/mlflow/runs/get"):
            return _json(self.run_document())
        if path.endswith("/api/2.0/mlflow/metrics/get-history"):
            return self._history(parameters)
        return refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for {path}")

    def run_document(self) -> dict[str, Any]:
        latest = [self._logged(name, max(points)) for name, points in self.metrics.items()]
        info = {"run_id": RUN, "run_uuid": RUN, "experiment_id": "1", "status": self.status,
                "start_time": 1_780_000_000_000, "lifecycle_stage": self.stage}  # fmt: skip
        return {"run": {"info": info, "data": {"metrics": latest, "params": [], "tags": []}}}

    def _history(self, parameters: dict[str, str]) -> Answer:
        name = parameters["metric_key"]
        points = sorted(self.metrics.get(name, []))
        token = parameters.get("page_token", "")
        if token and not self.tokens_known:
            return refusal(400, "INVALID_PARAMETER_VALUE", "Invalid page token")
        begin = int(base64.b64decode(token)) if token else 0
        most = int(parameters["max_results"]) if self.pages else len(points)
        document: dict[str, Any] = {
            "metrics": [self._logged(name, one) for one in points[begin : begin + most]]
        }
        if begin + most < len(points):
            document["next_page_token"] = base64.b64encode(b"%d" % (begin + most)).decode()
        return _json(document)

    def _logged(self, name: str, point: tuple[int, int, float]) -> dict[str, Any]:
        kind = str if self.whole_numbers_as_text else int
        milliseconds, step, value = point
        return {"key": name, "value": said_by_mlflow(value), "timestamp": kind(milliseconds),
                "step": kind(step)}  # fmt: skip


def refusal(status: int, code: str, message: str) -> Answer:
    """An error as MLflow writes it."""
    return Answer(status, json.dumps({"error_code": code, "message": message}).encode())


def _json(document: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _parameters(asked: Asked) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(asked.path).query).items()}
