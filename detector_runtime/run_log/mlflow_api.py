"""The two calls of the MLflow tracking REST API that rows need: a run, and the history of a metric.

`/api/2.0/mlflow/runs/get` and `/api/2.0/mlflow/metrics/get-history` as MLflow documents them. The
sampled bulk calls of MLflow's own pages leave points out and are not used. Nothing in an answer is
trusted: types are checked, and numbers may come as text (`NaN`, and 64-bit integers of some
servers).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.errors import (
    ConfigInvalidError,
    ResponseTooLargeError,
    SourceUnauthorizedError,
    SourceUnavailableError,
    one_line,
)
from detector_runtime.http_exchange import (
    BodyTooLargeError,
    ExchangeFailedError,
    Limits,
    Reply,
    Request,
    exchange,
    with_retries,
)
from detector_runtime.sources.address_guard import (
    GuardRules,
    Resolver,
    check_url,
    system_resolver,
)
from detector_runtime.sources.auth import load_credentials
from detector_runtime.sources.connection import connect_checked
from detector_runtime.sources.prometheus_api import PrometheusMounts
from detector_runtime.sources.range_request import additions

_PREFIX = "/api/2.0/mlflow"


class PageRefusedError(Exception):
    """The server does not know the page token (any more)."""


class Point(NamedTuple):
    """One logged value, in the order in which MLflow lists them: by time, then by step."""

    milliseconds: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """`status` is MLflow's: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED. `metrics`: the names of
    all that were logged. `deleted`: it lies in the server's trash."""

    status: str
    metrics: frozenset[str]
    deleted: bool


class MLflowAPI:
    """Speaks to the tracking server of one source. `deadline` (time.monotonic) bounds all calls
    together."""

    def __init__(
        self,
        spec: SourceSpec,
        *,
        mounts: PrometheusMounts,
        deadline: float,
        api_server: tuple[str, int] | None = None,
        resolve: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec, self._sleep = spec, sleep
        self._credentials = load_credentials(spec, mounts.auth)
        rules = GuardRules(spec.allow_loopback, spec.denied_cidrs, api_server)
        self._endpoint = check_url(spec.url, rules, resolve)
        self._added = additions(spec)
        ca_file = mounts.ca / "ca.crt" if spec.custom_ca else None
        self._connection = connect_checked(self._endpoint, ca_file)
        self._limits = Limits(spec.timeout_seconds, deadline, spec.max_response_bytes)

    def run(self, run_id: str) -> TrackedRun:
        """The run as it stands. ConfigInvalidError where the server does not know it."""
        reply = self._get("runs/get", {"run_id": run_id})
        if _error_code(reply) in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise ConfigInvalidError(
                f"spec.trainingRun.mlflow.runId {run_id!r}: source {self._spec.name!r} knows no "
                f"such run ({self._said(reply)}); copy the run ID from the page of the run"
            )
        run = self._object(reply).get("run")
        info, data = (_mapping(_mapping(run).get(key)) for key in ("info", "data"))
        if not info:
            raise self._foreign("an answer without run.info")
        names = (_mapping(one).get("key") for one in _list(data.get("metrics")))
        return TrackedRun(
            status=str(info.get("status", "")),
            metrics=frozenset(name for name in names if isinstance(name, str) and name),
            deleted=info.get("lifecycle_stage") == "deleted",
        )

    def history(
        self, run_id: str, metric: str, token: str, most: int
    ) -> tuple[tuple[Point, ...], str]:
        """One page of `metric`, oldest first, and the token of the next page: empty on the last.

        A server without pages answers with the whole history at once. PageRefusedError for a
        `token` that it does not take.
        """
        asked = {"run_id": run_id, "metric_key": metric, "max_results": str(most)}
        reply = self._get("metrics/get-history", asked | ({"page_token": token} if token else {}))
        if token and reply.status == 400:
            raise PageRefusedError
        document = self._object(reply)
        points = (self._point(one, metric) for one in _list(document.get("metrics")))
        following = document.get("next_page_token")
        return tuple(sorted(points)), following if isinstance(following, str) else ""

    def redact(self, text: str) -> str:
        """`text` without the credentials."""
        return self._credentials.redact(text)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _get(self, call: str, parameters: Mapping[str, str]) -> Reply:
        asked = urlencode(parameters, quote_via=quote)
        added = urlencode(self._added.parameters, quote_via=quote)
        target = f"{self._endpoint.path}{_PREFIX}/{call}?{asked}{'&' if added else ''}{added}"
        headers = dict(self._added.headers)
        headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._credentials.header:
            headers["Authorization"] = self._credentials.header
        request = Request("GET", target, headers)
        try:
            return with_retries(
                lambda: exchange(self._connection, request, self._limits),
                self._limits.deadline,
                self._sleep,
            )
        except ExchangeFailedError as error:
            raise SourceUnavailableError(
                f"source {self._spec.name!r} at {self._endpoint.origin}: {error}"
            ) from error
        except BodyTooLargeError as error:
            raise ResponseTooLargeError(
                f"source {self._spec.name!r}: the answer to {call} exceeds "
                f"{self._limits.max_bytes} bytes; raise maxResponseBytes"
            ) from error

    def _object(self, reply: Reply) -> Mapping[str, Any]:
        name = self._spec.name
        if reply.status in {401, 403}:
            raise SourceUnauthorizedError(
                f"source {name!r} answers {reply.status}; check the credentials in its Secret"
            )
        if 300 <= reply.status < 400:
            raise SourceUnavailableError(
                f"source {name!r} answers {reply.status}, and redirects are not followed; give the "
                "address that it redirects to"
            )
        if reply.status == 404 and not _error_code(reply):
            raise SourceUnavailableError(
                f"source {name!r} answers 404; check the path in the source's url: {_PREFIX} is "
                "added to it"
            )
        if reply.status != 200:
            said = self._said(reply)
            tail = f": {said}" if said else ""
            raise SourceUnavailableError(f"source {name!r} answers {reply.status}{tail}")
        document = _parsed(reply.body)
        if not isinstance(document, Mapping):
            raise self._foreign("an answer that is no JSON object")
        return document

    def _point(self, one: Any, metric: str) -> Point:
        listed = _mapping(one)
        try:
            # A step that is left out is 0, as the published interface has it.
            return Point(
                int(listed["timestamp"]), int(listed.get("step", 0)), float(listed["value"])
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._foreign(
                f"a value of metric {metric!r} without timestamp, step and value"
            ) from error

    def _foreign(self, what: str) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"source {self._spec.name!r} gives {what}; does its url lead to an MLflow tracking "
            "server?"
        )

    def _said(self, reply: Reply) -> str:
        said = _mapping(_parsed(reply.body)).get("message")
        return self.redact(one_line(said, 160)) if isinstance(said, str) else ""


def _error_code(reply: Reply) -> str:
    if reply.status < 400:
        return ""
    code = _mapping(_parsed(reply.body)).get("error_code")
    return code if isinstance(code, str) else ""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
