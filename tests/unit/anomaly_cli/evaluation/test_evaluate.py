"""The command: members, the published table, the sentence, the two files, and what is refused."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.evaluation.candidates import Sort
from anomaly_cli.evaluation.conclusion import conclusion
from anomaly_cli.evaluation.document import document
from anomaly_cli.evaluation.evaluate import Evaluation, evaluated
from anomaly_cli.evaluation.generator import generated
from anomaly_cli.evaluation.labelled import Labelled, split
from anomaly_cli.evaluation.members import DEFAULT, members
from anomaly_cli.evaluation.page import page
from anomaly_cli.refusal import ArgumentError


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """The generator with all training rows kept, as the published notebook keeps them."""
    chosen = members(["IsolationForest", "LocalOutlierFactor:references=10000", "ZScore"])
    return evaluated(split(generated(42)), chosen, 42)


def test_the_published_table_is_reproduced(found: Evaluation) -> None:
    shown = {
        name: tuple(round(v, 3) for v in (one.f1, one.precision, one.recall))
        for name, one in found.fixed
    }
    assert shown == {
        "IsolationForest": (0.761, 0.722, 0.806),
        "LocalOutlierFactor": (0.593, 0.566, 0.621),
        "ZScore": (0.938, 1.0, 0.883),
        "Majority": (0.863, 0.843, 0.883),
    }


def test_the_vote_is_said_to_be_worse_than_its_best_member(found: Evaluation) -> None:
    said = list(conclusion(found))
    assert said[0].startswith("Best choice on the tune part: ZScore at 2.75")
    assert said[1].startswith("The vote is worse than its best member: Majority 0.")
    assert said[2].startswith("No rule is better than every member on the report part")
    assert found.best == found.best_reported.name == "ZScore"
    assert found.named("Majority").to_best.lower
    # A little better without LocalOutlierFactor, but not by more than chance.
    assert len(said) == 3
    assert not found.named("Majority without LocalOutlierFactor").to_vote.higher
    assert found.named("Majority").to_vote.value == 0


def test_every_choice_is_measured_by_kind_and_with_an_interval(found: Evaluation) -> None:
    names = [one.name for one in found.choices]
    assert names[:8] == [
        "IsolationForest", "LocalOutlierFactor", "ZScore",
        "Majority", "Any", "All", "Weighted", "Best",
    ]  # fmt: skip
    assert [one.name for one in found.of(Sort.WITHOUT)] == [
        f"Majority without {member.name}" for member in found.members
    ]
    for one in found.choices:
        assert len(one.by_kind) == 3
        assert one.report.f1.low <= one.report.rates.f1 <= one.report.f1.high
    # The drifted cluster is its own neighbourhood; a spike is seen by everybody.
    factor = found.named("LocalOutlierFactor").by_kind
    assert factor[0].rates.recall == 1
    assert factor[2].rates.recall < 0.1


def test_any_finds_what_a_member_finds_and_all_no_more_than_the_least(found: Evaluation) -> None:
    recalls = [one.report.rates.recall for one in found.of(Sort.MEMBER)]
    assert found.named("Any").report.rates.recall >= max(recalls)
    assert found.named("All").report.rates.recall <= min(recalls)


def test_a_vote_that_beats_its_members_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member finds all anomalies and has false alarms of its own, which no other shares."""
    wins = evaluated(split(apart()), members(["IsolationForest", "ZScore"]), 1)
    said = list(conclusion(wins))
    assert wins.named("All").beats_all
    assert any(line.startswith("Better than every member on the report part: ") for line in said)
    assert wins.of(Sort.WITHOUT) == ()


def test_a_member_that_harms_the_vote_is_named() -> None:
    """Anomalies are a tight cluster far out: the local outlier factor takes them as normal and
    flags lonely normal rows instead."""
    random = np.random.default_rng(2)
    values = random.standard_t(4, size=(4000, 6))
    kinds = (random.random(4000) < 0.04).astype(np.int64)
    values[kinds == 1] = random.normal(size=(int(kinds.sum()), 6)) * 0.05 + 6
    data = Labelled(values, kinds, ("anomaly",), tuple("abcdef"), alike=True)
    said = list(conclusion(evaluated(split(data), DEFAULT, 1)))
    assert any(
        line.startswith("Majority without LocalOutlierFactor is better than with it: 0.")
        for line in said
    )


def apart() -> Labelled:
    """Anomalies are far out in all columns. One normal row in ten is far out in one column only,
    where the z-score sees it and the forest of many columns hardly does; the forest flags its
    share of rows, most of them elsewhere."""
    random = np.random.default_rng(4)
    values = random.normal(size=(4000, 12))
    kinds = (random.random(4000) < 0.03).astype(np.int64)
    values[kinds == 1] = random.choice([-1.0, 1.0], (int(kinds.sum()), 12)) * 3.5
    odd = (kinds == 0) & (random.random(4000) < 0.03)
    values[odd, 0] = 5.0
    return Labelled(values, kinds, ("anomaly",), tuple(f"c{n}" for n in range(12)), alike=True)


def test_the_document_is_strict_json_with_every_figure(found: Evaluation) -> None:
    told = json.loads(json.dumps(document(found, ["a note"]), allow_nan=False))
    assert told["chosen"] == found.chosen.name
    assert told["parts"]["report"]["rows"] == 2000
    assert sum(told["parts"]["report"]["kinds"].values()) == told["parts"]["report"]["anomalies"]
    assert len(told["sweep"]["thresholds"]) == 15
    majority = next(one for one in told["choices"] if one["name"] == "Majority")
    assert set(majority["byKind"]) == {"spike", "broken correlation", "drifted cluster"}
    assert majority["f1LessBestMember"]["value"] < 0
    assert {one["member"]: round(one["cohenD"], 1) for one in told["scores"]}["ZScore"] == 2.9


class Page(HTMLParser):
    """Tags that are open, and what a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.asked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(found: Evaluation) -> None:
    text = page(found, ["<b>a note</b>"])
    read = Page()
    read.feed(text)
    assert read.open == []
    assert read.asked == []
    assert "&lt;b&gt;a note&lt;/b&gt;" in text
    # A bar for each choice, three histograms, the sweep, the rows, and the keys of the plots.
    assert text.count('class="f1"') == len(found.choices)
    assert text.count("density of the scores") == 3
    assert text.count('class="square"') == 1
    assert "NaN" not in text
    assert "nan" not in text.split("</style>")[1]


def rows(folder: Path, count: int = 400) -> Path:
    random = np.random.default_rng(7)
    lines = ["a,b,constant,y"]
    for at in range(count):
        odd = at % 20 == 5
        a, b = random.normal(size=2) + (9 if odd else 0)
        lines.append(f"{a:.4f},{1000 * b:.2f},1,{'fault' if odd else 'normal'}")
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, told, shown = rows(tmp_path), tmp_path / "e.json", tmp_path / "e.html"
    given = ["--data", str(data), "--labels", "y", "--json", str(told), "--report", str(shown)]
    assert main(["evaluate", *given]) == 0
    printed = capsys.readouterr().out
    assert "constant columns left out: constant" in printed
    assert "columns standardised" in printed
    assert "below 30: the intervals are wide" in printed
    document_: dict[str, Any] = json.loads(told.read_text())
    assert document_["columns"] == ["a", "b"]
    assert document_["choices"][2]["report"]["recall"] == 1
    assert shown.read_text().startswith("<!doctype html>")


def test_members_are_read_as_given() -> None:
    one, other = members(
        ["LocalOutlierFactor:neighbours=5,contamination=2%", "ZScore:threshold=3.5"]
    )
    assert one.parameters == {"neighbours": 5, "contamination": 0.02, "references": 2000}
    assert other.parameters == {"threshold": 3.5}
    assert one.text == "LocalOutlierFactor:neighbours=5,contamination=2%"
    assert [one.name for one in DEFAULT] == ["IsolationForest", "LocalOutlierFactor", "ZScore"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["ZScore"], "1 given; a vote has at least 2 members"),
        (["ZScore", "ZScore:threshold=2"], "--members: ZScore is listed twice"),
        (["ZScore", "Auto"], "'Auto' is no member that reads single rows"),
        (["ZScore", "IsolationForest:depth=3"], "--members[1].depth: is no parameter of"),
        (["ZScore", "IsolationForest:trees=3"], "--members[1].trees: 3 is"),
        (["ZScore", "IsolationForest:trees=10.5"], "is not a whole number"),
        (["ZScore", "IsolationForest:contamination=60%"], "not above 0% and at most 50%"),
        (["ZScore", "IsolationForest:contamination=0.05"], "is not a percentage"),
        (["ZScore", "IsolationForest:trees"], "'trees' has no value"),
        (["ZScore:threshold=nan", "IsolationForest"], "--members[0].threshold: "),
    ],
)
def test_members_that_are_none_are_refused(texts: list[str], words: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        members(texts)
    assert words in str(refused.value)


def test_more_neighbours_than_rows_are_refused() -> None:
    with pytest.raises(ArgumentError, match="60 rows to compare with are not more than 60"):
        members(["LocalOutlierFactor:neighbours=60", "ZScore"])[0].learn(np.zeros((60, 1)), 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--labels", "y"], "--labels needs --data"),
        (["--normal", "0"], "--normal needs --data"),
        (["--ignore", "id"], "--ignore needs --data"),
        (["--data", "rows.csv"], "--data needs --labels"),
        (["--data", "none.csv", "--labels", "y"], "none.csv: no such file"),
        (["--seed", "-1"], "--seed: -1 is not from 0"),
        (["--json", "one", "--report", "one"], "--report one is the file of --json too"),
        (["--data", "rows.csv", "--labels", "y", "--json", "rows.csv"], "is the file of --data"),
        (["--report", "none/e.html"], "none/"),
    ],
)
def test_wrong_arguments_exit_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path)
    assert main(["evaluate", *given]) == 2
    assert words in capsys.readouterr().err
