"""Which kind of source a run reads. The kinds are imported only when they are used."""

from __future__ import annotations

import time
from pathlib import Path

from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.sources.fetched import Source


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
    from detector_runtime.sources.prometheus import (  # noqa: PLC0415 - start-up time
        PrometheusMounts,
        PrometheusSource,
    )

    return PrometheusSource(
        config.source,
        config.metrics,
        step=config.step_seconds,
        mounts=PrometheusMounts(auth, ca),
        deadline=time.monotonic() + seconds,
        api_server=api_server,
    )
