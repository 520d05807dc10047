"""Weights from feedback: what is learned, what is refused, and what is printed."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_cli.__main__ import main
from anomaly_cli.recalibration.fit import FULL, MOST_CHANGE, Example, propose, ranked
from anomaly_cli.recalibration.judged import judged, written
from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, Part, scaled
from anomaly_operator.spec.policy_parse import parse_policy

Json = dict[str, Any]


def telling(count: int = 60, seed: int = 1) -> list[Example]:
    """The severity tells nothing, the SLO and the spread tell almost everything."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        real = number % 2 == 0
        found.append(
            Example(
                {
                    Part.SEVERITY: chance.choice([0.3, 0.55, 0.8, 1.0]),
                    Part.SLO: chance.choice([0.5, 1.0] if real else [0.0, 0.25, 0.5]),
                    Part.SPREAD: chance.choice([0.2, 0.4, 0.6] if real else [0.0, 0.2]),
                    Part.DURATION: chance.choice([0.0, 0.25, 0.5]),
                    Part.CATEGORY: 0.5,
                },
                real,
            )
        )
    return found


def anomaly(number: int, example: Example, service: str = "checkout", **verdict: str) -> Json:
    most = scaled(DEFAULT_WEIGHTS)
    parts = [
        {"name": part.value, "points": round(level * most[part])}
        for part, level in example.levels.items()
    ]
    said = verdict or {"verdict": "TruePositive" if example.confirmed else "FalsePositive"}
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "Anomaly",
        "metadata": {"name": f"{service}-{number}", "namespace": "shop"},
        "spec": {"serviceRef": {"name": service}, "feedback": said},
        "status": {"state": "Closed", "priority": {"parts": parts}},
    }


def policy(name: str = "web", **spec: Any) -> Json:
    latency = {"acceptable": "500ms", "warning": "800ms", "critical": "1s"}
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "SLOPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"thresholds": {"latency": latency}, **spec},
    }


def service(name: str, reference: str) -> Json:
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"preset": "OpenTelemetrySpanMetrics", "sloPolicyRef": {"name": reference}},
    }


def exported(folder: Path, *objects: Json) -> Path:
    path = folder / "objects.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    return path


def test_what_tells_gains_and_what_tells_nothing_loses() -> None:
    found = propose(telling(), DEFAULT_WEIGHTS)
    assert found.weights[Part.SLO] > DEFAULT_WEIGHTS[Part.SLO]
    assert found.weights[Part.SPREAD] > DEFAULT_WEIGHTS[Part.SPREAD]
    assert found.weights[Part.SEVERITY] < DEFAULT_WEIGHTS[Part.SEVERITY]
    assert found.better
    assert found.then > 0.8


def test_a_fit_to_noise_is_not_called_better_than_it_is() -> None:
    chance = random.Random(7)
    noise = [
        Example({part: chance.random() for part in Part}, chance.random() < 0.5) for _ in range(40)
    ]
    found = propose(noise, DEFAULT_WEIGHTS)
    assert found.then < 0.75


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(Part), st.floats(0, 1), max_size=8),
        min_size=20,
        max_size=30,
    ),
    st.dictionaries(st.sampled_from(Part), st.integers(1, 100), min_size=8, max_size=8),
)
def test_a_proposal_is_bounded_and_adds_up(
    levels: list[dict[Part, float]], current: dict[Part, int]
) -> None:
    examples = [Example(one, number % 2 == 0) for number, one in enumerate(levels)]
    found = propose(examples, current)
    before = scaled(current)
    assert sum(found.weights.values()) == FULL
    # Bounded before the whole is scaled to 100 again, which at most halves or doubles once more.
    for part in Part:
        assert found.weights[part] <= MOST_CHANGE**2 * before[part] + 2
        assert found.weights[part] >= before[part] / MOST_CHANGE**2 - 2
    assert 0.0 <= found.now <= 1.0
    assert 0.0 <= found.then <= 1.0


def test_ranking_counts_pairs_and_halves_ties() -> None:
    values, labels = np.array([3.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])
    assert ranked(values, labels) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_the_diff_is_a_policy_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = [anomaly(number, one) for number, one in enumerate(telling())]
    path = exported(tmp_path, policy(), *objects)
    before = path.read_bytes()
    assert main(["recalibrate", "--data", str(path)]) == 0
    out, said = capsys.readouterr()
    assert out.startswith("--- SLOPolicy web, in force\n+++ SLOPolicy web, proposed\n")
    added = dict(re.findall(r"^\+ +(\w+): (\d+)$", out, re.MULTILINE))
    assert added.keys() == set(written(DEFAULT_WEIGHTS))
    assert sum(map(int, added.values())) == FULL
    assert "60 judged incidents: 30 TruePositive, 30 FalsePositive." in said
    assert "measured on incidents that the fit had not seen" in said
    assert path.read_bytes() == before


def test_proposed_weights_are_valid_in_a_policy() -> None:
    found = propose(telling(), DEFAULT_WEIGHTS)
    spec, problems = parse_policy({"playbook": {"weights": written(found.weights)}})
    assert problems == ()
    assert spec is not None
    assert spec.playbook.weights == dict(found.weights)


@pytest.mark.parametrize("count", [0, 19])
def test_too_little_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int) -> None:
    objects = [anomaly(number, one) for number, one in enumerate(telling(count))]
    assert main(["recalibrate", "--data", str(exported(tmp_path, policy(), *objects))]) == 3
    out, said = capsys.readouterr()
    assert out == ""
    assert "needs 20 in all and 5 of each" in " ".join(said.split())


def test_one_verdict_alone_teaches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = [one for one in telling(80) if one.confirmed]
    objects = [anomaly(number, one) for number, one in enumerate(real)]
    assert main(["recalibrate", "--data", str(exported(tmp_path, *objects))]) == 3
    assert "40 confirmed and 0 dismissed" in " ".join(capsys.readouterr().err.split())


def test_expected_and_unjudged_incidents_do_not_count() -> None:
    one = telling(2)[0]
    objects = [
        anomaly(1, one, verdict="Expected"),
        {**anomaly(2, one), "spec": {"serviceRef": {"name": "checkout"}}},
        {**anomaly(3, one), "status": {}},
        anomaly(4, one),
        {"kind": "Anomaly", "metadata": {}},
    ]
    assert len(judged(objects, "").examples) == 1


def test_only_the_services_of_the_policy_count() -> None:
    one = telling(2)[0]
    objects = [
        policy("web"),
        policy("batch"),
        service("checkout", "web"),
        service("nightly", "batch"),
        anomaly(1, one),
        anomaly(2, one, "nightly"),
        anomaly(3, one, "nightly"),
    ]
    assert len(judged(objects, "web").examples) == 1
    assert len(judged(objects, "batch").examples) == 2


@pytest.mark.parametrize(
    ("objects", "options", "words"),
    [
        ([policy("a"), policy("b")], [], "several of SLOPolicy (a, b); name one by --policy"),
        ([policy("a")], ["--policy", "c"], "--policy c: no such SLOPolicy; there is a"),
        (
            [policy("a", playbook={"tiers": [{"name": "x", "from": 5}]})],
            [],
            "SLOPolicy a: spec.playbook.tiers",
        ),
    ],
)
def test_a_policy_that_is_not_clear_is_an_error(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    objects: list[Json],
    options: list[str],
    words: str,
) -> None:
    path = exported(tmp_path, *objects)
    assert main(["recalibrate", "--data", str(path), *options]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_json_is_read_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "objects.json"
    items = [anomaly(number, one) for number, one in enumerate(telling())]
    path.write_text(json.dumps({"kind": "AnomalyList", "items": items}))
    assert main(["recalibrate", "--data", str(path)]) == 0
    assert re.search(r"^\+ +slo: \d+$", capsys.readouterr().out, re.MULTILINE)
