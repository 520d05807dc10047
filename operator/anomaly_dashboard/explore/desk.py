"""What series and trials work with: opened with the process, closed with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anomaly_dashboard.explore.earlier import Earlier
from anomaly_dashboard.explore.reading import Reads
from anomaly_dashboard.explore.runs import Runs
from anomaly_dashboard.explore.usual import Usual
from anomaly_dashboard.series.proxy import Proxy
from anomaly_dashboard.series.sources import Sources
from anomaly_operator.settings.file import load_settings
from anomaly_operator.settings.values import Settings

MOUNTS = "ANOMALY_DASHBOARD_SOURCES"
"""Environment variable with the folder of the sources' credentials, `<source>/auth/token` and so
on, where the chart does not mount it."""
_MOUNTED = Path("/etc/anomaly-sources")


@dataclass(frozen=True, slots=True)
class Desk:
    sources: Sources
    proxy: Proxy
    runs: Runs
    usual: Usual
    reads: Reads = field(default_factory=Reads)

    async def close(self) -> None:
        """End every worker and every query."""
        await self.runs.close()
        self.proxy.close()


def open_desk(settings: Path | None, workers: int, environment: Mapping[str, str]) -> Desk:
    """`settings`: the operator's settings file; without one no source has a name. Raises
    SettingsError."""
    known = Settings() if settings is None else load_settings(settings)
    api_server = _api_server(environment)
    sources = Sources(known, Path(environment.get(MOUNTS, _MOUNTED)))
    proxy = Proxy(api_server)
    runs = Runs(workers, settings, carry=Earlier().carry)
    return Desk(sources, proxy, runs, Usual(runs, proxy))


def _api_server(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Where no source may lie: the API server, as a pod is told of it."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    return (host, int(port)) if host and port.isdigit() else None
