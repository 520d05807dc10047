"""`python -m anomaly_operator`: arguments and settings to a running process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from anomaly_operator import arguments, process
from anomaly_operator.api.errors import LoginFailedError
from anomaly_operator.api.fields import SettingsError
from anomaly_operator.client.login import choose
from anomaly_operator.controller.loop import Reconcilers
from anomaly_operator.reconcile import namespace, service, slo_policy
from anomaly_operator.settings.file import load_settings
from anomaly_operator.telemetry import logs

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 told to end, 1 lost the lease or a part, 2 wrong settings or no login."""
    options = arguments.parse(argv)
    logs.configure(options.log_level)
    try:
        settings = load_settings(options.config)
        login = choose(options.kubeconfig, Path(options.identity_dir), os.environ)
    except (SettingsError, LoginFailedError) as error:
        print(f"anomaly-operator: {error}", file=sys.stderr)
        return USAGE_ERROR
    return asyncio.run(
        process.run(
            process.Options(
                settings=settings,
                login=login,
                reconcilers=Reconcilers(
                    service.reconcile, slo_policy.reconcile, namespace.reconcile
                ),
                namespace=options.namespace,
                elect=options.leader_elect,
                metrics_bind=options.metrics_bind,
                health_bind=options.health_bind,
                version=version("anomaly-operator"),
            )
        )
    )


if __name__ == "__main__":
    sys.exit(main())
