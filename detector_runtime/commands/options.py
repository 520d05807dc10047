"""The command line of the pods: a verb and a few paths, with the mounted ones as defaults.

Read by hand: importing argparse would be paid once a minute for each service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.contract.vocabulary import (
    DATA_DIR,
    IDENTITY_DIR,
    MODELS_DIR,
    RUN_CONFIG_PATH,
    RUN_DATA_DIR,
    SOURCE_AUTH_DIR,
    SOURCE_CA_DIR,
    TERMINATION_LOG,
    RunKind,
)

USAGE = (
    "usage: python -m detector_runtime train|score|follow [--config FILE] [--models DIR] "
    "[--run-data DIR] [--identity DIR] [--auth DIR] [--ca DIR] [--data DIR] [--report FILE] "
    "| serve --uid UID ... | --version"
)
_COMMANDS = {"train": RunKind.TRAIN, "score": RunKind.SCORE, "follow": RunKind.FOLLOW}


class UsageError(ValueError):
    """The command line cannot be read."""


@dataclass(frozen=True, slots=True)
class Options:
    """The paths of a run. `api_server`: (host, port), None outside a cluster."""

    kind: RunKind
    config: Path = Path(RUN_CONFIG_PATH)
    models: Path = Path(MODELS_DIR)
    identity: Path = Path(IDENTITY_DIR)
    auth: Path = Path(SOURCE_AUTH_DIR)
    ca: Path = Path(SOURCE_CA_DIR)
    data: Path = Path(DATA_DIR)
    run_data: Path = Path(RUN_DATA_DIR)
    report: Path = Path(TERMINATION_LOG)
    api_server: tuple[str, int] | None = None


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Options from `arguments` (without the program's name); UsageError says what is wrong."""
    if not arguments or arguments[0] not in _COMMANDS:
        raise UsageError(USAGE)
    known = ("config", "models", "identity", "auth", "ca", "data", "run-data", "report")
    paths: dict[str, Path] = {}
    rest = list(arguments[1:])
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name.removeprefix("--") not in known or not name.startswith("--"):
            raise UsageError(f"unknown argument {name!r}; {USAGE}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value; {USAGE}")
            value = rest.pop(0)
        paths[name.removeprefix("--").replace("-", "_")] = Path(value)
    return Options(kind=_COMMANDS[arguments[0]], api_server=_api_server(environment), **paths)


def _api_server(environment: Mapping[str, str]) -> tuple[str, int] | None:
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    return (host, int(port)) if host and port.isdigit() else None
