"""A Prometheus range API on loopback that evaluates functions of time, or misbehaves on cue."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from detector_runtime.objectives.queries import LABEL
from loopback.events import Count, answered, series
from loopback.server import Answer, Asked, LoopbackServer

Series = Callable[[int], float | None]


def matrix(points: list[list[object]], **more: object) -> bytes:
    """A successful answer with one series."""
    series = [{"metric": {}, "values": points}] if points else []
    data = {"resultType": "matrix", "result": series}
    return json.dumps({"status": "success", "data": data, **more}).encode()


class FakePrometheus(LoopbackServer):
    """`series` by query text; `events` answers joined expressions of objectives; `labelled`: labels
    and value of many series by the query inside topk(), or another answer. Answers in `script` are
    given first, one for each request; then `refuse` is asked with start, end and step.
    `more`: further keys of a successful answer.
    """

    def __init__(
        self, series_by_query: dict[str, Series], certificate: tuple[Path, Path] | None = None
    ) -> None:
        self.series = series_by_query
        self.events: Count = lambda name, side, window, moment: None
        self.labelled: dict[str, list[tuple[dict[str, str], str]] | Answer] = {}
        self.script: list[Answer] = []
        self.refuse: Callable[[int, int, int], Answer | None] = lambda start, end, step: None
        self.warnings: list[str] = []
        self.more: dict[str, object] = {}
        self.headers: dict[str, str] = {}
        super().__init__(self._respond, certificate)

    @property
    def queries(self) -> list[dict[str, str]]:
        return [_parameters(asked) for asked in self.asked]

    def _respond(self, asked: Asked) -> Answer:
        if self.script:
            return self.script.pop(0)
        parameters = _parameters(asked)
        start, end, step = (int(parameters[key]) for key in ("start", "end", "step"))
        refused = self.refuse(start, end, step)
        if refused is not None:
            return refused
        if (end - start) // step + 1 > 11_000:
            said = "exceeded maximum resolution of 11,000 points per timeseries."
            body = {"status": "error", "errorType": "bad_data", "error": said}
            return Answer(400, json.dumps(body).encode())
        more = self.more | ({"warnings": self.warnings} if self.warnings else {})
        if LABEL in parameters["query"]:
            found = answered(parameters["query"], start, end, step, self.events)
            data = {"resultType": "matrix", "result": series(found)}
            return Answer(200, json.dumps({"status": "success", "data": data, **more}).encode())
        if parameters["query"].startswith("topk("):
            inside = parameters["query"].split("\n")[1]
            known = self.labelled.get(inside, [])
            if isinstance(known, Answer):
                return known
            rows = [{"metric": labels, "values": [[end, value]]} for labels, value in known]
            data = {"resultType": "matrix", "result": rows}
            return Answer(200, json.dumps({"status": "success", "data": data, **more}).encode())
        value = self.series.get(parameters["query"])
        points: list[list[object]] = []
        for moment in range(start, end + 1, step) if value is not None else ():
            found = value(moment) if value is not None else None
            if found is not None:
                points.append([moment, "NaN" if math.isnan(found) else repr(found)])
        return Answer(200, matrix(points, **more), dict(self.headers))


def _parameters(asked: Asked) -> dict[str, str]:
    text = f"{urlsplit(asked.path).query}&{asked.body.decode()}"
    return {key: values[0] for key, values in parse_qs(text).items()}
