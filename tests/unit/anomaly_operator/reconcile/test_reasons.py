"""The documented list of conditions and reasons is the one in the code."""

from __future__ import annotations

import re
from pathlib import Path

from anomaly_operator.api.reasons import AnomalyReason, EventReason, Reason
from anomaly_operator.incidents.state import Resolution
from detector_runtime.contract.vocabulary import RunOutcome
from pretend.cluster import Cluster

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "operator" / "docs" / "conditions.md"
INCIDENTS = ROOT / "operator" / "docs" / "incidents.md"
NOT_FAILURES = {RunOutcome.SUCCEEDED, RunOutcome.LEARNING}


def tables() -> dict[str, set[str]]:
    """First cells of the page's tables, by what the table's head calls them."""
    found: dict[str, set[str]] = {"Condition": set(), "Reason": set(), "Event": set()}
    head = ""
    for line in PAGE.read_text().splitlines():
        cell = line.removeprefix("| ").partition(" |")[0] if line.startswith("| ") else ""
        if cell in found:
            head = cell
        elif match := re.fullmatch(r"`(\w+)`", cell):
            assert match[1] not in found[head], f"{match[1]} stands on the page twice"
            found[head].add(match[1])
    return found


def test_every_reason_is_documented_and_every_documented_one_exists() -> None:
    assert tables()["Reason"] == {reason.value for reason in Reason}


def test_every_event_is_documented_and_every_documented_one_exists() -> None:
    assert tables()["Event"] == {reason.value for reason in EventReason}


def test_every_reason_of_an_incident_is_documented() -> None:
    rows = [row for row in INCIDENTS.read_text().splitlines() if row.startswith("| `")]
    documented = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert {reason.value for reason in (*AnomalyReason, *Resolution)} <= documented


def test_every_condition_is_documented() -> None:
    cluster = Cluster()
    cluster.service(serving={"enabled": True})
    cluster.settle()
    told = {condition["type"] for condition in cluster.status()["conditions"]}
    assert tables()["Condition"] == told
    assert named_by("anomalyservices", "Ready") == told
    assert named_by("slopolicies", "Ready") == {"Ready", "Valid", "RulesExported"}
    assert named_by("anomalies", "Acknowledged") == {
        "Acknowledged",
        "Resolved",
        "Notified",
        "ExcludedFromTraining",
    }


def named_by(crd: str, first: str) -> set[str]:
    """The conditions that the schema's description of `conditions` lists."""
    text = (ROOT / "crds" / f"{crd}.yaml").read_text()
    found = re.search(rf"description: ({first}\b[\w, ]*)[.]", text)
    assert found is not None
    return set(re.split(r", | and ", found[1]))


def test_every_way_a_run_fails_is_a_reason() -> None:
    ways = {outcome.value for outcome in RunOutcome if outcome not in NOT_FAILURES}
    assert ways <= {reason.value for reason in Reason}
