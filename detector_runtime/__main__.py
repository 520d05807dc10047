"""`python -m detector_runtime train|score|follow|serve`: one run, one exit code, one last word.

The only place of the runtime that reads the clock, the environment and signals. Whatever happens,
the termination message says why the run ended and the exit code says whether another try can help.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from detector_runtime.commands.config import load_config
from detector_runtime.commands.options import Options, UsageError, parse_options
from detector_runtime.commands.report import bounded, write_report
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import ExitCode, RunKind, RunOutcome
from detector_runtime.errors import ConfigInvalidError, RunError, ServiceGoneError
from detector_runtime.log import log

if TYPE_CHECKING:
    from detector_runtime.commands.context import ContextSource
    from detector_runtime.objectives.evaluate import EventSource
    from detector_runtime.sources.fetched import Source

TRAIN_FETCH_SECONDS = 600.0
MAX_SCORE_FETCH_SECONDS = 120.0
MAX_EVENT_SECONDS = 30.0
"""For objectives, whose queries must not keep windows from being scored in time."""
READING_SHARE = 0.6
"""Of an interval, for reading a log: what is left over is read by the next run."""
MIN_READING_SECONDS = 20.0
TERMINATED = 128 + signal.SIGTERM


class TerminatedError(BaseException):
    """SIGTERM: unwind, so that what is half written is removed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    # One thread: the matrices are small, and idle threads cost memory and start-up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _terminate)
    given = sys.argv[1:] if arguments is None else arguments
    if list(given) == ["--version"]:
        from importlib.metadata import version  # noqa: PLC0415 - start-up time

        print(f"detector-runtime {version('anomaly-operator')}")
        return ExitCode.OK
    if given and given[0] == "serve":
        return _serve(given[1:])
    try:
        options = parse_options(given, os.environ)
    except UsageError as error:
        print(error, file=sys.stderr)
        return ExitCode.INVALID
    try:
        report, code = _run(options)
    except TerminatedError:
        log("warning", "terminated before the end; nothing half done is left")
        return TERMINATED
    if report is not None:
        write_report(options.report, dumps(bounded(report)))
    return code


def _run(options: Options) -> tuple[TrainReport | None, int]:
    try:
        config = load_config(options.config, options.kind)
        return _COMMANDS[options.kind](options, config), ExitCode.OK
    except ServiceGoneError as error:
        log("info", "nothing to do", reason=str(error))
        return None, ExitCode.OK
    except RunError as error:
        log("error", "run failed", outcome=error.outcome.value, reason=str(error))
        return TrainReport(error.outcome, str(error)), error.exit_code
    except Exception as error:  # noqa: BLE001 - the last word must say why, whatever it is
        import traceback  # noqa: PLC0415 - start-up time

        log("error", "run failed", error=traceback.format_exc())
        message = f"{type(error).__name__}: {error}"
        return TrainReport(RunOutcome.INTERNAL_ERROR, message), ExitCode.INTERNAL


def _train(options: Options, config: RunConfig) -> TrainReport:
    from detector_runtime.commands.train import (  # noqa: PLC0415 - the scoring pod has no scikit-learn
        train,
    )

    source = _source(options, config, TRAIN_FETCH_SECONDS)()
    report = train(config, source, options.models, int(time.time()))
    log("info", "trained", outcome=report.outcome.value, reason=report.message)
    return report


def _score(options: Options, config: RunConfig) -> None:
    from detector_runtime.commands.kubernetes_api import (  # noqa: PLC0415 - start-up time
        KubernetesAPI,
    )
    from detector_runtime.commands.score import score  # noqa: PLC0415 - start-up time

    if options.api_server is None:
        raise ConfigInvalidError("KUBERNETES_SERVICE_HOST and _PORT are not set")
    api = KubernetesAPI(*options.api_server, options.identity, config.service)
    # The next run starts after an interval, and this one's windows are then its own.
    seconds = min(
        max(config.source.timeout_seconds, config.interval_seconds * 0.75), MAX_SCORE_FETCH_SECONDS
    )
    try:
        score(
            config,
            api,
            _source(options, config, seconds),
            options.models,
            time.time(),
            open_events=_events(options, config, min(seconds, MAX_EVENT_SECONDS)),
            open_context=_context(options, config),
        )
    finally:
        api.close()


def _follow(options: Options, config: RunConfig) -> None:
    from detector_runtime.commands.follow import Mounts, follow  # noqa: PLC0415 - start-up time
    from detector_runtime.commands.follow_rows import Sources  # noqa: PLC0415
    from detector_runtime.commands.kubernetes_api import KubernetesAPI  # noqa: PLC0415
    from detector_runtime.run_log.open_source import open_rows, run_state  # noqa: PLC0415

    if options.api_server is None:
        raise ConfigInvalidError("KUBERNETES_SERVICE_HOST and _PORT are not set")
    api = KubernetesAPI(*options.api_server, options.identity, config.service)
    seconds = max(config.interval_seconds * READING_SHARE, MIN_READING_SECONDS)
    until = time.monotonic() + seconds
    sources = Sources(
        lambda: open_rows(
            config,
            run_data=options.run_data,
            auth=options.auth,
            ca=options.ca,
            api=api,
            api_server=options.api_server,
            seconds=seconds,
        ),
        lambda rows: run_state(config, rows, api),
    )
    try:
        follow(
            config,
            api,
            sources,
            Mounts(options.run_data, options.models),
            time.time(),
            more=lambda: time.monotonic() < until,
        )
    finally:
        api.close()


def _serve(arguments: Sequence[str]) -> int:
    from detector_runtime.serving.options import (  # noqa: PLC0415 - start-up time
        ServeUsageError,
        parse_serve_options,
    )

    try:
        options = parse_serve_options(arguments, os.environ)
    except ServeUsageError as error:
        print(error, file=sys.stderr)
        return ExitCode.INVALID
    # Only here: no other image has its libraries.
    from detector_runtime.serving.server import serve  # noqa: PLC0415

    try:
        return serve(options)
    except RunError as error:
        log("error", "not serving", reason=str(error))
        return error.exit_code


def _source(options: Options, config: RunConfig, seconds: float) -> Callable[[], Source]:
    def opened() -> Source:
        # A scoring run without a new window needs no source and no numpy.
        from detector_runtime.sources.opening import open_source  # noqa: PLC0415

        return open_source(
            config,
            auth=options.auth,
            ca=options.ca,
            data=options.data,
            seconds=seconds,
            api_server=options.api_server,
        )

    return opened


def _events(options: Options, config: RunConfig, seconds: float) -> Callable[[], EventSource]:
    def opened() -> EventSource:
        from detector_runtime.objectives.queries import LABEL  # noqa: PLC0415 - start-up time
        from detector_runtime.sources.opening import open_events  # noqa: PLC0415

        return open_events(
            config,
            LABEL,
            auth=options.auth,
            ca=options.ca,
            seconds=seconds,
            api_server=options.api_server,
        )

    return opened


def _context(options: Options, config: RunConfig) -> Callable[[], ContextSource]:
    def opened() -> ContextSource:
        from detector_runtime.commands.context import ALL_SECONDS  # noqa: PLC0415 - start-up time
        from detector_runtime.sources.opening import open_context  # noqa: PLC0415

        return open_context(
            config,
            auth=options.auth,
            ca=options.ca,
            seconds=ALL_SECONDS,
            api_server=options.api_server,
        )

    return opened


_COMMANDS = {RunKind.TRAIN: _train, RunKind.SCORE: _score, RunKind.FOLLOW: _follow}


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise TerminatedError


if __name__ == "__main__":
    sys.exit(main())
