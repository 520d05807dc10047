"""What the verbs share: order, columns, times, revisions, and names that are completed."""

from __future__ import annotations

import argparse
import subprocess
from typing import Any

import pytest

from anomaly_cli import console
from anomaly_cli.__main__ import COMMANDS, USAGE_ERROR, command, main
from anomaly_cli.arguments import parser, verbs_of
from anomaly_cli.cluster_reading import incident, service_line
from anomaly_cli.connection import ClusterError
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.verbs import answer, completion
from anomaly_cli.verbs.completion_scripts import SCRIPTS
from anomaly_cli.verbs.incident_order import worst_first
from anomaly_cli.verbs.incidents import cells, heads
from anomaly_cli.verbs.top import ordered, ranked
from anomaly_cli.verbs.training import chosen
from anomaly_cli.verbs.watch import Changes, follow
from anomaly_operator.incidents.state import Verdict
from anomaly_operator.observe.read import compact
from anomaly_operator.status.stored import Status, read_status
from pretend.stored_service import MODEL, NOW, OLDER, OLDEST, service

Json = dict[str, Any]


def anomaly(name: str, **status: Any) -> Json:
    spec = {"serviceRef": {"name": name.partition("-")[0]}, "firstSeen": "2026-11-26T02:10:00Z"}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": status}


def test_every_command_of_the_command_line_exists() -> None:
    known = verbs_of(parser(None))
    assert set(known) == set(COMMANDS)
    assert all(callable(command(name)) for name in COMMANDS)


def test_help_of_every_command_says_its_exit_codes(capsys: Any) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert name == "patterns" or "Exit codes: 0" in capsys.readouterr().out


def test_the_worst_incident_comes_first_and_what_is_over_last() -> None:
    raws = [
        anomaly("a", state="Closed", severity="Critical", closedAt="2026-11-26T02:12:00Z"),
        anomaly("b", state="Open", severity="Medium"),
        anomaly("c", state="Open", severity="High", symptomOf="d"),
        anomaly("d", state="Recovering", severity="High"),
        anomaly("e", state="Open", severity="High", priority={"value": 80}),
        anomaly("f", state="Open", severity="High", slo={"status": "Breached"}),
    ]
    found = [one.name for one in worst_first(incident(raw) for raw in raws)]
    assert found == ["e", "f", "d", "c", "b", "a"]


def test_a_line_says_the_root_or_what_it_affects_and_who_looks() -> None:
    spec = {"acknowledgement": {"by": "maria"}}
    symptom = anomaly("a-1", state="Open", severity="High", rootCause={"service": "db"})
    root = {**anomaly("db-1", state="Open", symptomCount=2), "spec": spec}
    foreign = anomaly("b-1", state="Open", rootCause={"service": "db", "namespace": "data"})
    lines = [cells(incident(one), NOW, spread=True) for one in (symptom, root, foreign)]
    at = heads(spread=True).index("ROOT")
    assert [line[at] for line in lines] == ["db", "self, 2 symptoms", "data/db"]
    assert [line[at + 2] for line in lines] == ["no", "maria", "no"]
    assert lines[0] == ("shop", "a-1", "a", "High", "Open", "-", "db", "12m", "no")
    wide = cells(incident(symptom), NOW, spread=False, wide=True)
    assert len(wide) == len(heads(spread=False, wide=True))


def test_control_characters_are_shown(capsys: Any) -> None:
    console.listing(("NAME", "WHAT"), [("a\x1b[31m", "b\u202e\x9b")])
    console.say(["one\ntwo\x07"])
    console.refuse("no\x1b]0;x")
    found = capsys.readouterr()
    assert found.out == "NAME        WHAT\na\\x1b[31m   b\\u202e\\x9b\none\ntwo\\x07\n"
    assert found.err == "kubectl-anomaly: no\\x1b]0;x\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("7d", 7 * 86400), ("2026-11-26T03:22:40Z", 3600)]
)
def test_until_is_a_time_or_a_duration(text: str, seconds: int) -> None:
    assert answer.judgement("expected", text, "", NOW).until == NOW + seconds


@pytest.mark.parametrize(
    ("text", "verdict", "message"),
    [
        ("tomorrow", Verdict.EXPECTED, "is no time; write a duration such as 2h"),
        ("2020-01-01T00:00:00Z", Verdict.EXPECTED, "give a time in the future, at most 90d"),
        ("91d", Verdict.FALSE_POSITIVE, "at most 90d"),
        ("1d", Verdict.TRUE_POSITIVE, "TruePositive suppresses nothing"),
    ],
)
def test_until_is_refused_with_the_next_step(text: str, verdict: Verdict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        answer.judgement(verdict.value, text, "", NOW)


def test_a_verdict_that_is_none_is_refused_before_the_cluster_is_asked(capsys: Any) -> None:
    assert main(["feedback", "a", "maybe", "--kubeconfig", "/nonexistent"]) == USAGE_ERROR
    assert "write TruePositive, FalsePositive, Expected" in capsys.readouterr().err


def test_a_kubeconfig_that_is_not_there_is_the_clusters_affair(capsys: Any) -> None:
    assert main(["list", "--kubeconfig", "/nonexistent"]) == 1
    assert "/nonexistent" in capsys.readouterr().err


def status(**changes: Any) -> Status:
    return read_status(compact({**service(status=changes)["status"]}))


def test_a_rollback_takes_the_revision_before_the_serving_one() -> None:
    assert chosen(status(), "", "checkout").revision == OLDER["revision"]
    assert chosen(status(), OLDER["revision"], "checkout").revision == OLDER["revision"]
    pinned = status(model=OLDER)
    assert chosen(pinned, MODEL["revision"], "checkout").revision == MODEL["revision"]


@pytest.mark.parametrize(
    ("stored", "wanted", "message"),
    [
        ({}, "20200101-000000-000000", "no revision 20200101-000000-000000; there are: 2026"),
        ({}, OLDEST["revision"], "trained for other metrics or another step"),
        ({"model": OLDER}, "", "no earlier revision that fits"),
        ({"model": {}}, "", "no model yet"),
        ({"formatVersion": 99}, "", "of a newer release"),
    ],
)
def test_a_rollback_to_what_does_not_fit_is_refused(
    stored: Json, wanted: str, message: str
) -> None:
    with pytest.raises(ClusterError, match=message):
        chosen(status(**stored), wanted, "checkout")


def test_top_sorts_by_what_is_asked_for() -> None:
    def named(name: str, **changes: Any) -> Json:
        raw = service(status=changes)
        return {**raw, "metadata": {**raw["metadata"], "name": name}}

    objective = {"name": "availability", "state": "Ok"}
    raws = [
        named("calm"),
        named("spent", objectives=[{**objective, "budgetLeft": "-3%"}]),
        named("left", objectives=[{**objective, "budgetLeft": "40%"}]),
        named("bad", severity="High"),
        named("slow", slo={"status": "Breached"}),
    ]
    found = [ranked(one) for one in raws]
    assert ordered(found, "severity")[0].line.name == "bad"
    assert [one.line.name for one in ordered(found, "budget")][:2] == ["spent", "left"]
    assert ordered(found, "slo")[0].line.name == "slow"
    assert (found[0].score, found[0].level) == (0.31, 2.87)
    assert service_line(raws[1]).budget == "-3%"


def test_a_watch_writes_what_is_new_or_has_changed() -> None:
    first = [incident(anomaly("a", state="Open")), incident(anomaly("b", state="Closed"))]
    changes = Changes()
    assert [one.name for one in changes.of(first)] == ["a"]
    assert list(changes.of(first)) == []
    later = [incident(anomaly("a", state="Closed"))]
    assert [one.state for one in changes.of(later)] == ["Closed"]


def test_a_watch_survives_an_outage_but_not_a_refusal_at_its_start(capsys: Any) -> None:
    class Flaky:
        def __init__(self, *answers: Any) -> None:
            self.answers = list(answers)

        def list(self, resource: Any, namespace: str) -> Any:
            found = self.answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

    class Over(Exception):  # noqa: N818 - it ends the test
        pass

    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 4:
            raise Over

    shown: list[Any] = []
    flaky: Any = Flaky([], ClusterError("down"), ClusterError("down"), [])
    with pytest.raises(Over):
        follow(flaky, "shop", shown.append, interval=2.0, end=None, sleep=sleep)
    assert (len(shown), naps) == (2, [2.0] * 4)
    assert capsys.readouterr().err.count("trying again every 2 s") == 1
    refused: Any = Flaky(ClusterError("user x may not list"))
    with pytest.raises(ClusterError, match="may not list"):
        follow(refused, "shop", shown.append, interval=2.0, end=None, sleep=sleep)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["sh"], ["show"]),
        (["feedback", "a-1", "F"], ["FalsePositive"]),
        (["feedback", "-n", "shop", "a-1", "Ex"], ["Expected"]),
        (["list", "-o", ""], ["json", "name", "wide", "yaml"]),
        (["list", "--al"], ["--all", "--all-namespaces"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_words_are_completed(words: list[str], wanted: list[str], capsys: Any) -> None:
    assert completion.complete(words) == 0
    assert capsys.readouterr().out.splitlines() == [*wanted, ":4"]


def test_an_option_for_a_file_lets_the_shell_complete(capsys: Any) -> None:
    assert main([completion.COMPLETE, "plan", "-f", ""]) == 0
    assert capsys.readouterr().out == ":0\n"


def test_a_cluster_that_cannot_be_reached_completes_nothing(capsys: Any) -> None:
    words = ["show", "--kubeconfig", "/nonexistent", ""]
    assert completion.complete(words) == 0
    found = capsys.readouterr()
    assert (found.out, found.err) == (":4\n", "")


def test_the_scripts_are_well_formed(capsys: Any) -> None:
    for shell in SCRIPTS:
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert completion.COMPLETE in text
        if shell == "bash":
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_the_arguments_of_a_verb_are_those_of_kubectl() -> None:
    given = parser(None).parse_args(["list", "-A", "-o", "wide", "--context", "c"])
    assert isinstance(given, argparse.Namespace)
    assert (given.all_namespaces, given.output, given.context) == (True, "wide", "c")
    assert not {"-n", "--namespace", "--context", "--kubeconfig"} - set(
        verbs_of(parser(None))["show"]
    )
