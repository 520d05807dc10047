"""The largest series of an expression at one moment, for context queries.

Small on purpose: one request a query without a retry that could outlast it, a short answer, and the
source itself keeps all but the largest series.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.http_exchange import Limits
from detector_runtime.sources.address_guard import Resolver, system_resolver
from detector_runtime.sources.prometheus_api import PrometheusMounts, open_api
from detector_runtime.sources.prometheus_reply import parse_labelled
from detector_runtime.sources.whole_answer import whole_answer

WHAT = "context"
"""What errors name in the place of a metric."""
QUERY_SECONDS = 5.0
MAX_BYTES = 262_144
STEP = 60
"""Of a range query with one moment it means nothing, but there has to be one."""


class ContextQueries:
    """Asks one source. `deadline` (time.monotonic) bounds all requests together."""

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
        self._spec, self._deadline, self._sleep = spec, deadline, sleep
        self._api = open_api(spec, mounts, api_server, resolve)

    def largest(self, query: str, top: int, at: int) -> Sequence[tuple[Mapping[str, str], float]]:
        """Labels and value of the `top` largest series at `at`, unix seconds. RunError else."""
        # A comment at the end of the query must not swallow the bracket, hence a line of its own.
        asked = f"topk({top},\n{query}\n)"
        timeout = min(QUERY_SECONDS, self._spec.timeout_seconds)
        limits = Limits(
            timeout,
            min(self._deadline, time.monotonic() + QUERY_SECONDS),
            min(MAX_BYTES, self._spec.max_response_bytes),
        )
        request = self._api.requests.request(asked, at, at, STEP, timeout)
        reply = whole_answer(
            self._api,
            request,
            limits,
            what=WHAT,
            query=query,
            source=self._spec.name,
            sleep=self._sleep,
        )
        return parse_labelled(reply.body, WHAT)
