"""`anomaly-dashboard`: arguments to a running process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from anomaly_dashboard import arguments, process
from anomaly_dashboard.settings import DashboardSettings
from anomaly_operator.api.errors import LoginFailedError
from anomaly_operator.api.fields import SettingsError
from anomaly_operator.client.login import KubeconfigLogin, Login, choose
from anomaly_operator.settings.file import load_settings
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry import logs

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 told to end, 1 a part failed, 2 wrong arguments or no login."""
    settings = arguments.parse(argv)
    logs.configure(settings.log_level)
    try:
        file = settings.operator_settings
        operator = load_settings(file) if file else Settings()
        login = _login(settings)
        asyncio.run(login.connect())
    except (SettingsError, LoginFailedError) as error:
        print(f"anomaly-dashboard: {error}", file=sys.stderr)
        return USAGE_ERROR
    return asyncio.run(process.run(settings, login, operator))


def _login(settings: DashboardSettings) -> Login:
    """Of the kubeconfig that is named, else of the pod; outside of a pod that of KUBECONFIG, then
    people sign in by their own tokens as they do in a cluster."""
    if settings.kubeconfig is not None:
        return KubeconfigLogin(settings.kubeconfig, settings.context)
    return choose(None, settings.identity_dir, os.environ)


if __name__ == "__main__":
    sys.exit(main())
