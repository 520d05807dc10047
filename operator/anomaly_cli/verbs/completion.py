"""Shell completion: verbs, options, and the names that the cluster has.

The scripts ask this program for the candidates of the last word. It answers as kubectl wants it of
a plug-in (one a line, then a directive), so one answer serves the shells and `kubectl anomaly`. A
cluster that cannot be reached completes nothing and says nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence

from anomaly_cli.cluster_reading import incident, part, text
from anomaly_cli.connection import ALL_NAMESPACES, Cluster, ClusterError, connect
from anomaly_cli.verbs.completion_scripts import SCRIPTS
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.incidents.state import Verdict

COMPLETE = "__complete"
NO_FILES, FILES = ":4", ":0"
"""Directives of cobra, the library that kubectl completes with."""
_FILE_OPTIONS = frozenset(
    {
        "-f",
        "--file",
        "--filename",
        "--kubeconfig",
        "--data",
        "--data-root",
        "--settings",
        "--report",
        "--incidents",
    }
)
_NAMESPACE_OPTIONS = frozenset({"-n", "--namespace"})
_ANOMALY_VERBS = frozenset({"show", "ack", "feedback", "report"})
_SERVICE_VERBS = frozenset({"explain", "retrain", "rollback"})
_RUN = "run"
_RUN_NAMES = frozenset({"show", "timeline", "stats"})
"""Actions of `run` whose argument may be an AnomalyService."""
_RUN_FILES = {"timeline": 1, "stats": 1, "replay": 1, "compare": 2}
"""How many arguments may be files."""
_FORMATS = ("json", "name", "wide", "yaml")


def run(given: argparse.Namespace) -> int:
    """The exit code."""
    sys.stdout.write(SCRIPTS[given.shell])
    return 0


def plugin() -> int:
    """`kubectl_complete-anomaly`, which kubectl calls with the words behind `kubectl anomaly`."""
    return complete(sys.argv[1:])


def complete(words: Sequence[str]) -> int:
    """Print the candidates for the last of `words`, those before it being typed already."""
    *before, last = words or [""]
    previous = before[-1] if before else ""
    found: Iterable[str] = ()
    directive = NO_FILES
    if previous in _FILE_OPTIONS:
        directive = FILES
    else:
        try:
            found = candidates(before, last)
        except ClusterError:
            found = ()
        directive = FILES if _takes_file(before) else NO_FILES
    # A name is one word; what is none was not written by a name's rules.
    words_found = {one for one in found if one.isprintable() and one.split() == [one]}
    chosen = sorted(one for one in words_found if one.startswith(last))
    sys.stdout.write("\n".join([*chosen, directive]) + "\n")
    return 0


def candidates(before: Sequence[str], last: str) -> Iterable[str]:
    """What may follow the words `before`. Raises ClusterError."""
    from anomaly_cli.arguments import actions_of, parser, verbs_of  # noqa: PLC0415 - a cycle

    whole = parser(None)
    known = verbs_of(whole)
    verb = next((one for one in before if one in known), "")
    previous = before[-1] if before else ""
    if previous in {"-o", "--output"}:
        return _FORMATS
    if previous in _NAMESPACE_OPTIONS:
        return _of_cluster(before, "namespaces")
    if not verb:
        return known
    typed = _typed(before, verb)
    actions = actions_of(whole, verb)
    if last.startswith("-"):
        return actions.get(typed[0] if typed else "", known[verb])
    if actions and not typed:
        return actions
    return _values(verb, typed, before)


def _values(verb: str, typed: Sequence[str], before: Sequence[str]) -> Iterable[str]:
    """Values of the next positional argument of `verb`, of which `typed` stand there already."""
    if verb == "completion" and not typed:
        return SCRIPTS
    if verb in _ANOMALY_VERBS and not typed:
        return _of_cluster(before, verb)
    if verb == "feedback" and len(typed) == 1:
        return [one.value for one in Verdict]
    if verb in _SERVICE_VERBS and not typed:
        return _of_cluster(before, "services")
    if verb == "rollback" and len(typed) == 1:
        return _of_cluster(before, "revisions", typed[0])
    if verb == _RUN and len(typed) == 1 and typed[0] in _RUN_NAMES:
        return _of_cluster(before, "runs")
    return ()


def _takes_file(before: Sequence[str]) -> bool:
    """Whether the argument behind `before` may be a file."""
    if next((one for one in before if not one.startswith("-")), "") != _RUN:
        return False
    typed = _typed(before, _RUN)
    return bool(typed) and len(typed) <= _RUN_FILES.get(typed[0], 0)


def _typed(before: Sequence[str], verb: str) -> list[str]:
    """The arguments of `verb` that stand there already."""
    return _positional(before[list(before).index(verb) + 1 :])


def _positional(words: Sequence[str]) -> list[str]:
    """Without options, and without the value that follows one."""
    found, skip = [], False
    for word in words:
        if skip or word.startswith("-"):
            skip = word in _VALUED and not skip
            continue
        found.append(word)
    return found


_VALUED = frozenset(
    {
        *_FILE_OPTIONS,
        *_NAMESPACE_OPTIONS,
        *("--context", "-o", "--output", "--comment", "--until", "--source-url"),
        *("--mode", "--column", "--ignore", "--threshold", "--step"),
    }
)


def _of_cluster(words: Sequence[str], what: str, name: str = "") -> list[str]:
    """Names from the cluster that the options in `words` choose. Raises ClusterError."""
    namespace = "" if what == "namespaces" else _option(words, *_NAMESPACE_OPTIONS)
    context, kubeconfig = _option(words, "--context"), _option(words, "--kubeconfig")
    with connect(context, namespace, kubeconfig) as cluster:
        return _names(cluster, what, name)


def _names(cluster: Cluster, what: str, name: str) -> list[str]:
    match what:
        case "namespaces":
            return [_named(one, "namespace") for one in cluster.list(SERVICE, ALL_NAMESPACES)]
        case "services":
            return [_named(one, "name") for one in cluster.list(SERVICE)]
        case "runs":
            found_runs = (one for one in cluster.list(SERVICE) if _watches_run(one))
            return [_named(one, "name") for one in found_runs]
        case "revisions":
            model = part(part(cluster.get(SERVICE, name), "status"), "model")
            return [text(model, "revision"), *text(model, "earlier").split(", ")]
    found = [incident(one) for one in cluster.list(ANOMALY)]
    if what == "ack":
        found = [one for one in found if one.running and one.acknowledgement is None]
    return [one.name for one in found]


def _watches_run(raw: Mapping[str, object]) -> bool:
    return text(part(raw, "spec"), "profile") == "TrainingRun"


def _named(raw: Mapping[str, object], key: str) -> str:
    return text(part(raw, "metadata"), key)


def _option(words: Sequence[str], *names: str) -> str:
    """The value of an option in `words`, empty where it is not given."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if option in names:
            return value if equals else following
    return ""
