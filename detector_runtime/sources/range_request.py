"""The HTTP request of a range query, with what the administrator adds to it.

Our own headers and parameters win. Nothing is signed here, and no header of a signature is set or
changed, so that a signing proxy may stand between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.source_request import (
    SourceRequest,
    header_problem,
    parameter_problem,
    value_problem,
)
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.http_exchange import Request
from detector_runtime.sources.address_guard import Endpoint

_LONGEST_GET = 6_000
"""Common servers take a request line of 8 KiB. POST wants a right of its own in some gateways."""
_NOTHING_ADDED = SourceRequest()


@dataclass(frozen=True, slots=True)
class RangeRequests:
    """Makes requests for one source. `origin` is for messages; no `authorization` is no login."""

    origin: str
    path: str
    authorization: str = field(repr=False)
    added: SourceRequest

    def request(self, query: str, first: int, last: int, step: int, timeout: float) -> Request:
        """For the values at `first`, `first + step` .. `last`, unix seconds."""
        headers = dict(self.added.headers)
        headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        own = {
            "query": query,
            "start": first,
            "end": last,
            "step": step,
            "timeout": f"{timeout:g}s",
        }
        asked, added = urlencode(own), urlencode(self.added.parameters, quote_via=quote)
        # Read-only gateways often let only GET pass; long queries do not fit into a request line.
        if len(asked) + len(added) <= _LONGEST_GET:
            return Request("GET", f"{self.path}?{asked}{'&' if added else ''}{added}", headers)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        # Proxies that authorize by a parameter read it in the address alone.
        target = f"{self.path}?{added}" if added else self.path
        return Request("POST", target, headers, asked.encode("ascii"))


def range_requests(spec: SourceSpec, endpoint: Endpoint, authorization: str) -> RangeRequests:
    """For a checked endpoint. ConfigInvalidError for what may not be added."""
    path = f"{endpoint.path}/api/v1/query_range"
    return RangeRequests(endpoint.origin, path, authorization, additions(spec))


def additions(spec: SourceSpec) -> SourceRequest:
    """What the administrator adds to each request. ConfigInvalidError for what may not be added."""
    added = spec.request or _NOTHING_ADDED
    problems = [header_problem(name) or value_problem(text) for name, text in added.headers]
    problems += [parameter_problem(name) or value_problem(text) for name, text in added.parameters]
    wrong = next(filter(None, problems), "")
    if wrong:
        raise ConfigInvalidError(f"source {spec.name!r}: {wrong}")
    return added
