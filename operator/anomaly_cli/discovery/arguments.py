"""The arguments of `kubectl-anomaly discover`."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.discovery.formats import Format

AUTO = "auto"
_EXIT_CODES = (
    "Exit codes: 0 calls were found and, with -f, the manifests name them; 1 with -f, there are "
    "differences, as kubectl diff has it; 2 wrong arguments, a file that cannot be read or a "
    "source that does not answer; 3 no calls were found. What is left out is named on standard "
    "error."
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = commands.add_parser(
        "discover",
        help="read who calls whom from traffic and print it as spec.dependsOn",
        description="Reads the graph of calls from metrics or a file and prints AnomalyServices "
        "with spec.dependsOn, or with -f a diff. It changes nothing.",
        epilog=_EXIT_CODES,
    )
    _source(one)
    one.add_argument(
        "--format",
        choices=(AUTO, *Format),
        default=AUTO,
        help="otel: service graph metrics of OpenTelemetry, Tempo or Beyla; spans: OpenTelemetry "
        "span metrics; istio: Istio's metrics; default: auto, the first of these that has calls",
    )
    one.add_argument(
        "--min-rate",
        type=float,
        default=0.0,
        metavar="RATE",
        help="leave out calls that are rarer than so many a second; default: 0",
    )
    one.add_argument(
        "--all-connections",
        action="store_true",
        help="also databases, message queues and peers without traces",
    )
    one.add_argument(
        "-n",
        "--namespace",
        default="",
        metavar="NAMESPACE",
        help="services of this namespace only; also the namespace of services for which the source "
        "names none",
    )
    one.add_argument(
        "-f",
        "--file",
        type=Path,
        action="append",
        metavar="FILE",
        help="AnomalyServices to compare with; prints a diff of their spec.dependsOn",
    )
    one.add_argument(
        "--prune", action="store_true", help="with -f: also remove what no call was seen to"
    )
    one.add_argument(
        "-o", "--output", choices=("yaml", "json"), default="yaml", help="default: yaml"
    )


def _source(one: argparse.ArgumentParser) -> None:
    source = one.add_mutually_exclusive_group(required=True)
    source.add_argument("--source-url", metavar="URL", default="", help="address of a Prometheus")
    source.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="CSV or JSON with caller and callee, or a saved answer of Prometheus; - is standard "
        "input",
    )
    one.add_argument(
        "--since",
        default="1d",
        metavar="DURATION",
        help="with --source-url: time over which calls are counted; default: 1d",
    )
    one.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="with --source-url: header of each request, such as a tenant's; may be given several "
        "times",
    )
    one.add_argument(
        "--token-file", type=Path, metavar="FILE", help="with --source-url: file with a token"
    )
    one.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="with --source-url: certificates to trust"
    )
    one.add_argument(
        "--timeout",
        default="30s",
        metavar="DURATION",
        help="with --source-url: time for one answer; default: 30s",
    )
