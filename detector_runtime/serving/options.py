"""The command line of `detector-runtime serve`.

Bounds are options and not constants: a server for one dashboard and one for a message bus differ
by orders of magnitude. Every bound has a default, so that no server runs without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from detector_runtime.contract.serving import SERVED_PATH, SERVING_PORT, SERVING_TOKEN_PATH
from detector_runtime.contract.vocabulary import IDENTITY_DIR, MODELS_DIR
from detector_runtime.store.names import is_uid

USAGE = (
    "usage: detector-runtime serve --uid UID [--served FILE] [--models DIR] [--host ADDRESS] "
    "[--port PORT] [--auth None|Token|TokenReview] [--token FILE] [--identity DIR] "
    "[--audience NAME] [--max-body-bytes N] [--rate N] [--concurrency N] [--drain-seconds N]"
)


class ServeUsageError(ValueError):
    """The command line cannot be read; the message says what is wrong."""


class Auth(StrEnum):
    """How a client shows that it may ask."""

    NONE = "None"
    TOKEN = "Token"  # noqa: S105 - the kind, no token
    TOKEN_REVIEW = "TokenReview"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Bounds:
    """`rate`: requests a second, with a burst of as many; `concurrency`: requests at once;
    `jobs`: asynchronous jobs kept, done or not."""

    body_bytes: int = 4 * 1024 * 1024
    rate: int = 2000
    concurrency: int = 64
    jobs: int = 64


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """`uid`: of the AnomalyService whose model is served; `served`: the file that names its
    revision; `drain_seconds`: from SIGTERM until no new request is taken. `api_server`: (host,
    port), None outside a cluster."""

    uid: str
    served: Path = Path(SERVED_PATH)
    models: Path = Path(MODELS_DIR)
    host: str = "0.0.0.0"  # noqa: S104 - a pod answers on its own address, which it does not know
    port: int = SERVING_PORT
    auth: Auth = Auth.NONE
    token: Path = Path(SERVING_TOKEN_PATH)
    identity: Path = Path(IDENTITY_DIR)
    audience: str = ""
    bounds: Bounds = Bounds()
    drain_seconds: float = 5.0
    api_server: tuple[str, int] | None = None


def parse_serve_options(arguments: Sequence[str], environment: Mapping[str, str]) -> ServeOptions:
    """Options from `arguments` (after `serve`); ServeUsageError says what is wrong."""
    given: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        read = _OPTIONS.get(name)
        if read is None:
            raise ServeUsageError(f"unknown argument {name!r}; {USAGE}")
        if not equals:
            if not rest:
                raise ServeUsageError(f"{name} needs a value; {USAGE}")
            value = rest.pop(0)
        try:
            given[name] = read(value)
        except ValueError as error:
            raise ServeUsageError(f"{name}: {error}") from error
    if "--uid" not in given:
        raise ServeUsageError(f"--uid is missing; {USAGE}")
    bounds = {_BOUNDS[name]: given.pop(name) for name in _BOUNDS if name in given}
    named = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
    found = ServeOptions(**named, bounds=Bounds(**bounds), api_server=_api_server(environment))
    if found.auth is Auth.TOKEN_REVIEW and found.api_server is None:
        raise ServeUsageError(
            "--auth TokenReview asks the API server, and KUBERNETES_SERVICE_HOST is not set"
        )
    return found


def _uid(text: str) -> str:
    if not is_uid(text):
        raise ValueError(f"{text!r} is not an object uid")
    return text


def _auth(text: str) -> Auth:
    try:
        return Auth(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is none of {', '.join(Auth)}") from error


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return read


_BOUNDS = {"--max-body-bytes": "body_bytes", "--rate": "rate", "--concurrency": "concurrency"}
_OPTIONS: dict[str, Callable[[str], Any]] = {
    "--uid": _uid,
    "--served": Path,
    "--models": Path,
    "--host": str,
    "--port": _whole(0, 65535),
    "--auth": _auth,
    "--token": Path,
    "--identity": Path,
    "--audience": str,
    "--max-body-bytes": _whole(1024, 256 * 1024 * 1024),
    "--rate": _whole(1, 1_000_000),
    "--concurrency": _whole(1, 4096),
    "--drain-seconds": _whole(0, 3600),
}


def _api_server(environment: Mapping[str, str]) -> tuple[str, int] | None:
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    return (host, int(port)) if host and port.isdigit() else None
