"""Which kind of source a run reads. The kinds are imported only when they are used."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.sources.fetched import Source

if TYPE_CHECKING:
    from detector_runtime.sources.context_queries import ContextQueries
    from detector_runtime.sources.event_queries import EventQueries


def open_source(
    config: RunConfig,
    *,
    auth: Path,
    ca: Path,
    data: Path,
    seconds: float,
    api_server: tuple[str, int] | None,
) -> Source:
    """The source of `config`; `seconds` bound the whole fetch. RunError when it cannot be used."""
    if config.source.type is SourceType.CSV:
        from detector_runtime.sources.csv_file import CSVSource  # noqa: PLC0415 - start-up time

        return CSVSource(config.source, config.metrics, config.step_seconds, data)
    from detector_runtime.sources.prometheus import PrometheusSource  # noqa: PLC0415
    from detector_runtime.sources.prometheus_api import PrometheusMounts  # noqa: PLC0415

    return PrometheusSource(
        config.source,
        config.metrics,
        step=config.step_seconds,
        mounts=PrometheusMounts(auth, ca),
        deadline=time.monotonic() + seconds,
        api_server=api_server,
    )


def open_events(
    config: RunConfig,
    label: str,
    *,
    auth: Path,
    ca: Path,
    seconds: float,
    api_server: tuple[str, int] | None,
) -> EventQueries:
    """For the objectives of `config`, whose source is a Prometheus API; `seconds` bound all of its
    requests. RunError when it cannot be used."""
    from detector_runtime.sources.event_queries import EventQueries  # noqa: PLC0415
    from detector_runtime.sources.prometheus_api import PrometheusMounts  # noqa: PLC0415

    return EventQueries(
        config.source,
        label,
        mounts=PrometheusMounts(auth, ca),
        deadline=time.monotonic() + seconds,
        api_server=api_server,
    )


def open_context(
    config: RunConfig,
    *,
    auth: Path,
    ca: Path,
    seconds: float,
    api_server: tuple[str, int] | None,
) -> ContextQueries:
    """For the context queries of `config`, whose source is a Prometheus API; `seconds` bound all of
    them. RunError when it cannot be used."""
    from detector_runtime.sources.context_queries import ContextQueries  # noqa: PLC0415
    from detector_runtime.sources.prometheus_api import PrometheusMounts  # noqa: PLC0415

    return ContextQueries(
        config.source,
        mounts=PrometheusMounts(auth, ca),
        deadline=time.monotonic() + seconds,
        api_server=api_server,
    )
