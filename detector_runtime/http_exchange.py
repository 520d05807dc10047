"""One bounded HTTP exchange, and when to try it again.

On top of `http.client`, which follows no redirect and reads no proxy from the environment. Every
read is bounded in bytes and in time, so that an endless or trickling answer ends the exchange and
not the pod. What an answer means is the caller's business.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse

MAX_TRIES = 4
MAX_BACKOFF = 10.0
_PIECE = 64 * 1024


class BodyTooLargeError(Exception):
    """The answer's body is larger than allowed."""


class ExchangeFailedError(Exception):
    """No answer: connection, TLS, time-out or protocol. `lasting`: another try cannot help.

    `late`: the peer has the request and its answer did not come in time.
    """

    def __init__(self, message: str, lasting: bool = False, late: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.late = late


@dataclass(frozen=True, slots=True)
class Request:
    """`target` is path and query; `headers` may hold credentials and are never shown."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered differently soon."""
        return self.status == 429 or self.status >= 500


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline` is in the terms of `time.monotonic`, for all tries together."""

    timeout: float
    deadline: float
    max_bytes: int
    connect_timeout: float = 5.0


def exchange(connection: HTTPConnection, request: Request, limits: Limits) -> Reply:
    """Send `request` and read the whole answer within `limits`."""
    sent = False
    try:
        budget = min(limits.timeout, limits.deadline - time.monotonic())
        if budget <= 0:
            raise TimeoutError("the run's deadline has passed")
        if connection.sock is None:
            connection.timeout = min(budget, limits.connect_timeout)
            connection.connect()
        connection.sock.settimeout(budget)
        connection.request(request.method, request.target, request.body, dict(request.headers))
        sent = True
        response = connection.getresponse()
        end = min(limits.deadline, time.monotonic() + limits.timeout)
        # An answer that ends with the connection is not closed by the connection.
        with response:
            body = _read(response, limits.max_bytes, end)
    except BodyTooLargeError:
        connection.close()
        raise
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise ExchangeFailedError(f"certificate: {error.verify_message}", lasting=True) from error
    except TimeoutError as error:
        connection.close()
        raise ExchangeFailedError("timed out", late=sent) from error
    except (OSError, HTTPException, ValueError) as error:
        connection.close()
        raise ExchangeFailedError(_cause(error)) from error
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, body)


def with_retries(
    attempt: Callable[[], Reply],
    deadline: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """Call `attempt` until its answer is final, at most `MAX_TRIES` times before `deadline`.

    Returns the last passing answer (429, 5xx), or raises the last ExchangeFailedError, when the
    tries or the time are used up.
    """
    for number in range(1, MAX_TRIES + 1):
        last = number == MAX_TRIES
        try:
            reply = attempt()
            if not reply.passing:
                return reply
            wait = max(backoff(number), retry_after(reply.headers, time.time()))
            if last or time.monotonic() + wait >= deadline:
                return reply
        except ExchangeFailedError as error:
            wait = backoff(number)
            if last or error.lasting or time.monotonic() + wait >= deadline:
                raise
        sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


def backoff(number: int) -> float:
    """Seconds before try `number` + 1: doubling from 0.25 s, with half of it random."""
    full = min(MAX_BACKOFF, 0.25 * 2.0**number)
    return full * (0.5 + int.from_bytes(os.urandom(2)) / 131072)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds that `Retry-After` asks for, in either of its two forms; 0 when it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:6])
    stamp = http_date(text)
    return 0.0 if stamp is None else max(0.0, stamp - now)


def http_date(text: str) -> float | None:
    """An HTTP date as unix seconds; None when it is none."""
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _read(response: HTTPResponse, max_bytes: int, end: float) -> bytes:
    if response.length is not None and response.length > max_bytes:
        raise BodyTooLargeError
    pieces: list[bytes] = []
    size = 0
    # read1 returns what has come: a peer that trickles cannot hold one read open for ever.
    while piece := response.read1(_PIECE):
        size += len(piece)
        if size > max_bytes:
            raise BodyTooLargeError
        if time.monotonic() > end:
            raise TimeoutError("the answer took too long")
        pieces.append(piece)
    if response.length not in (None, 0):
        raise HTTPException("the answer ended early")
    return b"".join(pieces)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__ if not str(error) else str(error).splitlines()[0][:120]
