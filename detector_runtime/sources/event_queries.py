"""Counts of events for objectives: one range query that answers for many marked expressions.

It is asked once and not split: a run asks for few windows, and what the source refuses is left to
the caller, who knows which part to leave out.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.errors import SourceUnavailableError
from detector_runtime.http_exchange import Limits
from detector_runtime.sources.address_guard import Resolver, system_resolver
from detector_runtime.sources.prometheus_api import PrometheusMounts, open_api
from detector_runtime.sources.prometheus_reply import parse_marked
from detector_runtime.sources.whole_answer import whole_answer

WHAT = "objectives"
"""What errors name in the place of a metric."""


class EventQueries:
    """Asks one source. `deadline` (time.monotonic) bounds all requests together; `label` tells the
    parts of an expression apart."""

    def __init__(
        self,
        spec: SourceSpec,
        label: str,
        *,
        mounts: PrometheusMounts,
        deadline: float,
        api_server: tuple[str, int] | None = None,
        resolve: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec, self._label, self._sleep = spec, label, sleep
        self._api = open_api(spec, mounts, api_server, resolve)
        self._limits = Limits(spec.timeout_seconds, deadline, spec.max_response_bytes)

    def values(self, query: str, first: int, last: int, step: int) -> dict[str, dict[int, float]]:
        """By mark and time, unix seconds, the values at `first`, `first + step` .. `last`. NaN and
        infinities stay what they are. RunError when there is no whole answer."""
        request = self._api.requests.request(query, first, last, step, self._limits.timeout)
        reply = whole_answer(
            self._api,
            request,
            self._limits,
            what=WHAT,
            query=query,
            source=self._spec.name,
            sleep=self._sleep,
        )
        harmless = self._spec.request.harmless_warnings if self._spec.request else ()
        found, notes = parse_marked(reply.body, self._label, reply.headers, harmless)
        if notes.gaps:
            said = self._api.credentials.redact(notes.gaps[0])
            raise SourceUnavailableError(f"{WHAT}: the source's answer is partial: {said}")
        return {
            name: dict(zip(samples.times.tolist(), samples.values.tolist(), strict=True))
            for name, samples in found.items()
        }
