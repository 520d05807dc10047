"""The command line: up, down, status, kubectl, helm, logs, resolve, browser and the demos."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import time
from pathlib import Path

from anomaly_sandbox import startup
from anomaly_sandbox.browser import find_browser
from anomaly_sandbox.browser_error import BrowserError
from anomaly_sandbox.build import BuildError
from anomaly_sandbox.cluster import Sandbox, SandboxError
from anomaly_sandbox.download import DownloadRefusedError
from anomaly_sandbox.folders import FolderError, state_dir
from anomaly_sandbox.node.logs import has_run
from anomaly_sandbox.resolve import Resolver
from anomaly_sandbox.versions import PROGRAMS, UnknownProgramError, UnsupportedPlatformError

_EXPECTED = (
    SandboxError,
    BrowserError,
    DownloadRefusedError,
    BuildError,
    FolderError,
    UnknownProgramError,
    UnsupportedPlatformError,
)

_DEMOS = {"demo": "anomaly_sandbox.demo.run", "demo-training": "anomaly_sandbox.demo_training.run"}


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0, 1 with a message, or that of kubectl, helm or the demo."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in _DEMOS:
        return int(importlib.import_module(_DEMOS[arguments[0]]).main(arguments[1:]))
    try:
        if arguments[:1] in (["kubectl"], ["helm"]):
            return _client(arguments[0], arguments[1:])
        options = _parser().parse_args(arguments)
        state = options.state_dir or state_dir(options.name)
        return int(options.run(state, options))
    except _EXPECTED as error:
        print(f"anomaly-sandbox: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    where = _where()
    parser = argparse.ArgumentParser(prog="anomaly-sandbox", description=_DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", parents=[where], help="start an empty cluster")
    up.add_argument("--prometheus", action="store_true", help="also start a Prometheus")
    up.set_defaults(run=_up)
    down = commands.add_parser(
        "down", parents=[where], help="stop the cluster and delete its folder"
    )
    down.add_argument("--keep", action="store_true", help="keep the folder and the logs in it")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", parents=[where], help="show addresses and processes")
    status.set_defaults(run=_status)
    resolve = commands.add_parser(
        "resolve", help="download or build the programs that the sandbox runs"
    )
    resolve.add_argument("programs", nargs="*", help="names of the programs (default: all)")
    resolve.set_defaults(run=_resolve, name="default", state_dir=None)
    browser = commands.add_parser("browser", help="find or fetch the Chromium of the browser tests")
    browser.set_defaults(run=_browser, name="default", state_dir=None)
    for program in ("kubectl", "helm"):
        commands.add_parser(program, help=f"run {program} as cluster administrator")
    logs = commands.add_parser(
        "logs", parents=[where], help="print the logs of a pod, also of a deleted one"
    )
    logs.add_argument("pod")
    logs.add_argument("--namespace", "-n", default="default")
    logs.add_argument("--container", "-c", default="")
    logs.set_defaults(run=_logs)
    commands.add_parser("demo", help="run the demo (see `demo --help`)")
    commands.add_parser("demo-training", help="run the demo of a training run")
    return parser


def _where() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    where.add_argument(
        "--name", type=_name, default="default", help="name of the sandbox (default: default)"
    )
    where.add_argument("--state-dir", type=Path, help="folder of the sandbox; overrides --name")
    return where


def _name(text: str) -> str:
    try:
        state_dir(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


_DESCRIPTION = "Runs a real Kubernetes control plane as local processes."


def _up(_: Path, options: argparse.Namespace) -> int:
    began = time.monotonic()
    sandbox = Sandbox.up(
        name=options.name, state_dir=options.state_dir, prometheus=options.prometheus
    )
    print(f"started in {time.monotonic() - began:.1f} s: {sandbox.server}")
    print(f"export KUBECONFIG={sandbox.kubeconfig}")
    if options.prometheus:
        print(f"Prometheus: {sandbox.prometheus_url}")
    sandbox.close()
    return 0


def _down(state: Path, options: argparse.Namespace) -> int:
    ended = startup.down(state, keep=options.keep)
    print("stopped" if ended else f"no sandbox is running in {state}")
    return 0


def _status(state: Path, _: argparse.Namespace) -> int:
    sandbox = Sandbox.attach(state_dir=state)
    print(f"server      {sandbox.server}")
    print(f"kubeconfig  {sandbox.kubeconfig}")
    print(f"prometheus  {sandbox.prometheus_address or 'not started'}")
    print(f"folder      {sandbox.state}")
    for record in sandbox.processes():
        what = "running" if record.exit_code is None else f"exited with code {record.exit_code}"
        print(f"{record.pid:>9}  {what}, {record.restarts} restarts: {record.name}")
    sandbox.close()
    return 0


def _resolve(_: Path, options: argparse.Namespace) -> int:
    for name, path in Resolver().resolve(options.programs or PROGRAMS).items():
        print(f"{name:<24} {path}")
    return 0


def _browser(_: Path, __: argparse.Namespace) -> int:
    print(find_browser())
    return 0


def _client(program: str, arguments: list[str]) -> int:
    """Everything but our own two options goes to the program as it stands."""
    options, rest = _where().parse_known_args(arguments)
    sandbox = Sandbox.attach(name=options.name, state_dir=options.state_dir)
    executable = str(sandbox.bin(program))
    os.execve(executable, [program, *rest], sandbox.environment())  # noqa: S606 - becomes it


def _logs(state: Path, options: argparse.Namespace) -> int:
    with contextlib.closing(Sandbox.attach(state_dir=state)) as sandbox:
        if not has_run(sandbox.state, options.namespace, options.pod):
            raise SandboxError(
                f"no pod {options.pod} has run in namespace {options.namespace}; "
                f"see kubectl get pods -n {options.namespace}"
            )
        print(sandbox.logs(options.pod, options.namespace, options.container), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
