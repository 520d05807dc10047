"""The arguments of the verbs that speak to a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.verbs.completion_scripts import SCRIPTS
from anomaly_cli.verbs.output import add_output
from anomaly_cli.verbs.target import add_target
from anomaly_operator.incidents.state import Verdict

EXIT_CODES = (
    "Exit codes: 0 done; 1 the cluster has no such object, refuses, or cannot be reached; 2 wrong "
    "arguments or a file that cannot be read."
)
SORTS = ("severity", "score", "slo", "budget")
Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """The verbs, in the order in which an incident is worked on."""
    _list(commands)
    _show(commands)
    _answers(commands)
    _services(commands)
    _plan(commands)
    shells = _verb(commands, "completion", "print the completion script of a shell")
    shells.add_argument("shell", choices=sorted(SCRIPTS))


def _verb(
    commands: Commands[argparse.ArgumentParser], name: str, text: str, epilog: str = EXIT_CODES
) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog
    )
    return found


def _list(commands: Commands[argparse.ArgumentParser]) -> None:
    one = _verb(commands, "list", "list the open incidents, worst first")
    add_target(one, everywhere=True)
    one.add_argument("--all", action="store_true", help="closed incidents too")
    add_output(one, "wide")
    live = _verb(commands, "watch", "show the open incidents live, until Ctrl-C")
    add_target(live, everywhere=True)
    live.add_argument(
        "--interval", default="2s", metavar="DURATION", help="time between two lists; default: 2s"
    )
    live.add_argument("--timeout", default="", metavar="DURATION", help="end after this time")


def _show(commands: Commands[argparse.ArgumentParser]) -> None:
    one = _verb(commands, "show", "tell the story of one incident on one screen")
    _anomaly(one)
    add_target(one)
    add_output(one)


def _answers(commands: Commands[argparse.ArgumentParser]) -> None:
    one = _verb(commands, "ack", "say that you are looking into an incident")
    _anomaly(one)
    _saying(one)
    one = _verb(commands, "feedback", "say whether an incident was real")
    _anomaly(one)
    verdicts = ", ".join(verdict.value for verdict in Verdict)
    one.add_argument("verdict", metavar="VERDICT", help=f"{verdicts} (in any case)")
    one.add_argument(
        "--until",
        default="",
        metavar="TIME|DURATION",
        help="with FalsePositive and Expected: until when similar windows open no incident; "
        "default: 24h, at most 90d",
    )
    _saying(one)


def _saying(one: argparse.ArgumentParser) -> None:
    one.add_argument("--comment", default="", metavar="TEXT", help="what others should know")
    one.add_argument("--overwrite", action="store_true", help="replace what somebody else has said")
    add_target(one)


def _services(commands: Commands[argparse.ArgumentParser]) -> None:
    one = _verb(
        commands, "explain", "say why a service has its verdict now, and what would change it"
    )
    _service(one)
    add_target(one)
    _documents(one)
    one = _verb(commands, "top", "list the services, the one in most trouble first")
    add_target(one, everywhere=True)
    one.add_argument(
        "--sort-by", choices=SORTS, default="severity", help="what comes first; default: severity"
    )
    add_output(one, "wide")
    one = _verb(commands, "retrain", "ask for a new model of a service")
    _service(one)
    add_target(one)
    one = _verb(commands, "rollback", "let an earlier model of a service serve")
    _service(one)
    one.add_argument(
        "revision",
        metavar="REVISION",
        nargs="?",
        default="",
        help="revision to serve; default: the one before the one that serves",
    )
    one.add_argument(
        "--latest", action="store_true", help="remove the pin: the newest model serves again"
    )
    add_target(one)


def _plan(commands: Commands[argparse.ArgumentParser]) -> None:
    one = _verb(
        commands, "plan", "say what a changed AnomalyService would change, and apply nothing"
    )
    one.add_argument(
        "-f",
        "--file",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="file with the new AnomalyService, and SLOPolicies where they change too",
    )
    one.add_argument(
        "--service", metavar="NAME", help="name of the service, if the files have several"
    )
    one.add_argument(
        "--current",
        type=Path,
        action="append",
        metavar="FILE",
        help="compare with the objects in this file (kubectl get asvc,slop -o yaml) instead of the "
        "cluster",
    )
    one.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="the operator's settings file; default: the built-in settings with a source of the "
        "service's name for it",
    )
    one.add_argument(
        "--data", type=Path, metavar="FILE", help="replay this recording under both specs"
    )
    one.add_argument(
        "--source-url",
        metavar="URL",
        default="",
        help="replay the last days from this Prometheus under both specs",
    )
    one.add_argument(
        "--days",
        type=int,
        default=7,
        metavar="N",
        help="days to replay from --source-url; default: 7",
    )
    _documents(one)
    add_target(one)


def _documents(one: argparse.ArgumentParser) -> None:
    """The formats of a verb that prints no object."""
    one.add_argument(
        "-o", "--output", choices=("json", "yaml"), default="", help="output format; default: text"
    )


def _anomaly(one: argparse.ArgumentParser) -> None:
    one.add_argument("name", metavar="NAME", help="name of the Anomaly")


def _service(one: argparse.ArgumentParser) -> None:
    one.add_argument("service", metavar="SERVICE", help="name of the AnomalyService")
