"""The CRDs hold to the house rules, read from the files alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import EnumMeta
from typing import Any

import pytest

from anomaly_operator.anomalies import reaction
from anomaly_operator.anomalies import training_run as incident_run
from anomaly_operator.anomalies.changes import change as changes
from anomaly_operator.anomalies.changes.part import MESSAGE_BYTES
from anomaly_operator.anomalies.containment import Outcome
from anomaly_operator.incidents.playbook import MAX_TIERS, Entry
from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, Part
from anomaly_operator.spec import patterns
from anomaly_operator.spec.context import ContextPreset
from anomaly_operator.spec.playbook import WEIGHT_FIELDS
from anomaly_operator.spec.profile import Profile
from anomaly_operator.spec.training_run import LOG_FIELDS, MAX_IGNORED, MAX_PATH, SuspendOn
from anomaly_operator.spec.workload import WorkloadKind
from detector_runtime.contract import context
from detector_runtime.contract import objectives as slo
from detector_runtime.contract import training_run as run
from detector_runtime.contract import vocabulary as contract
from detector_runtime.contract.codec import camel
from detector_runtime.contract.dependencies import MAX_UNHEALTHY
from detector_runtime.contract.patterns import Circumstance, Level

EITHER = "x-kubernetes-int-or-string"
KINDS = ["AnomalyService", "SLOPolicy", "Anomaly"]
Schema = dict[str, Any]


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node of a schema with its path; list items are `[]`, values of a map `{}`."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def version(document: Schema) -> Schema:
    (only,) = document["spec"]["versions"]
    return dict(only)


def schema(document: Schema) -> Schema:
    return dict(version(document)["schema"]["openAPIV3Schema"])


@pytest.fixture(params=KINDS)
def fields(
    request: pytest.FixtureRequest, crd_files: dict[str, Schema]
) -> list[tuple[str, Schema]]:
    top = schema(crd_files[request.param])
    return [
        (path, node)
        for part in ("spec", "status")
        for path, node in nodes(top["properties"][part], f".{part}")
    ]


def test_every_node_is_typed(fields: list[tuple[str, Schema]]) -> None:
    assert [path for path, node in fields if "type" not in node and EITHER not in node] == []
    keys = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource")
    assert [path for path, node in fields if any(key in node for key in keys)] == []


def test_every_field_has_words_that_explain_it(fields: list[tuple[str, Schema]]) -> None:
    silent = [
        path
        for path, node in fields
        if not path.endswith("{}") and not node.get("description", "").endswith(".")
    ]
    assert silent == []


def unbounded(node: Schema) -> bool:
    match node.get("type"):
        case None:
            return not {"maxLength", "minimum", "maximum"} <= node.keys()
        case "string":
            return "maxLength" not in node and "enum" not in node
        case "array":
            return "maxItems" not in node
        case "integer" | "number":
            return "maximum" not in node or "minimum" not in node
        case "object":
            return "additionalProperties" in node and "maxProperties" not in node
    return False


def test_everything_has_a_limit(fields: list[tuple[str, Schema]]) -> None:
    assert [path for path, node in fields if unbounded(node)] == []


def test_every_list_says_how_it_merges(fields: list[tuple[str, Schema]]) -> None:
    lists = [(path, node) for path, node in fields if node.get("type") == "array"]
    assert lists
    assert [path for path, node in lists if "x-kubernetes-list-type" not in node] == []


def test_no_float_is_in_the_api(fields: list[tuple[str, Schema]]) -> None:
    assert [path for path, node in fields if node.get("type") == "number"] == []


CROSSING = {
    ".spec.dependsOn.namespace",
    ".status.rootCause.namespace",
    ".status.symptoms.namespace",
}
"""Dependencies reach other namespaces where the administrator allows it, and their incidents say
where they come from."""


def test_references_stay_in_their_namespace(fields: list[tuple[str, Schema]]) -> None:
    found = {path for path, _ in fields if path.lower().endswith("namespace")}
    assert {path.replace("[]", "") for path in found} <= CROSSING


def test_every_rule_speaks_of_figures(fields: list[tuple[str, Schema]]) -> None:
    """A message is an expression, so that it can hold the value; one rule's error names it."""
    mute = [
        (path, rule["rule"])
        for path, node in fields
        for rule in node.get("x-kubernetes-validations", ())
        if "messageExpression" not in rule and "getHours" not in rule["rule"]
    ]
    assert mute == []


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_alike(kind: str, crd_files: dict[str, Schema]) -> None:
    document = crd_files[kind]
    assert document["spec"]["group"] == contract.API_GROUP
    assert document["spec"]["scope"] == "Namespaced"
    assert document["spec"]["names"]["categories"] == ["observability"]
    only = version(document)
    assert only["name"] == contract.API_VERSION
    assert only["subresources"] == {"status": {}}
    conditions = schema(document)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert conditions["items"]["required"] == [
        "type",
        "status",
        "lastTransitionTime",
        "reason",
        "message",
    ]


def shown(document: Schema) -> list[str]:
    columns = version(document)["additionalPrinterColumns"]
    return [column["name"].upper() for column in columns if not column.get("priority")]


def test_columns_are_those_that_the_documentation_shows(crd_files: dict[str, Schema]) -> None:
    assert [document["spec"]["names"]["shortNames"] for document in crd_files.values()] == [
        ["anom"],
        ["asvc"],
        ["slop"],
    ]
    assert " ".join(shown(crd_files["AnomalyService"])) == (
        "CATEGORY STATE SEVERITY SLO OPEN MODEL TRAINED CHECKED READY AGE"
    )
    assert " ".join(shown(crd_files["Anomaly"])) == (
        "SERVICE PATTERN SEVERITY STATE TIER SLO CONFIDENCE COUNT ROOT SINCE AGE"
    )
    assert " ".join(shown(crd_files["SLOPolicy"])) == "LATENCY ERRORS SERVICES BURNING VALID AGE"


@pytest.mark.parametrize(
    ("path", "enum"),
    [
        (".spec.category", contract.Category),
        (".spec.metrics[].role", contract.Role),
        (".spec.metrics[].unit", contract.Unit),
        (".spec.metrics[].direction", contract.Direction),
        (".status.severity", contract.Severity),
        (".spec.profile", Profile),
        (".spec.trainingRun.log.format", run.LogFormat),
        (".spec.trainingRun.mode", run.RunMode),
        (".spec.trainingRun.trainer.kind", run.TrainerKind),
        (".spec.trainingRun.schedule.kind", run.RateSchedule),
        (".spec.trainingRun.examples", run.ExamplePolicy),
        (".spec.trainingRun.suspendOn", SuspendOn),
        (".status.trainingRun.state", run.RunState),
        (".spec.patterns[].circumstances[]", Circumstance),
        (".status.dependencies.unhealthy[].severity", contract.Severity),
        (".status.slo.status", contract.SLOStatus),
        (".status.detection.windows[].verdict", contract.Verdict),
        (".status.detection.windows[].modelSeverity", contract.Severity),
        (".status.incidents.tracked[].modelSeverity", contract.Severity),
        (".status.detection.objectives[].severity", contract.Severity),
        (".status.detection.objectives[].state", slo.ObjectiveState),
        (".status.objectives[].state", slo.ObjectiveState),
        (".status.objectives[].tier", slo.TierName),
    ],
)
def test_closed_sets_are_those_of_the_contract(
    path: str, enum: EnumMeta, crd_files: dict[str, Schema]
) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))[path]
    assert found["enum"] == [member.value for member in enum]  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", ["when[]", "ratios[].of"])
def test_patterns_name_the_roles_of_a_microservice(part: str, crd_files: dict[str, Schema]) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))[f".spec.patterns[].{part}.role"]
    assert found["enum"] == [role.value for role in contract.Role if not role.of_a_run]


def test_a_training_run_has_the_limits_of_the_contract(crd_files: dict[str, Schema]) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))
    thresholds = found[".spec.trainingRun.thresholds"]["properties"]
    assert list(thresholds) == list(run.THRESHOLDS)
    for name, (_, bounds) in run.THRESHOLDS.items():
        if bounds.whole:
            limits = (thresholds[name]["minimum"], thresholds[name]["maximum"])
            assert limits == (bounds.least, bounds.most)
        else:
            (rule,) = thresholds[name]["x-kubernetes-validations"]
            words = f"double(self) >= {float(bounds.least)} && double(self) <= {float(bounds.most)}"
            assert rule["rule"] == words
    assert found[".spec.trainingRun.log.path"]["maxLength"] == MAX_PATH
    assert found[".spec.trainingRun.log.ignore"]["maxItems"] == MAX_IGNORED
    (columns,) = found[".spec.trainingRun.log.columns"]["x-kubernetes-validations"]
    assert columns["rule"] == f"self.all(name, name in {list(LOG_FIELDS)})"
    status = found[".status.trainingRun"]["properties"]
    assert status["timeline"]["maxItems"] == run.MAX_TIMELINE
    assert status["notes"]["maxItems"] == run.MAX_NOTES
    assert status["counts"]["maxItems"] == run.MAX_KINDS + 1
    assert set(status) == {camel(one.name) for one in dataclasses.fields(run.TrainingRunReport)}
    evidence = found[".status.detection.report.trainingRun"]["properties"]
    assert set(evidence) == {camel(one.name) for one in dataclasses.fields(run.RunEvidence)}
    assert evidence["triggers"]["maxItems"] == run.MAX_EVIDENCE_TRIGGERS
    assert evidence["examples"]["maxItems"] == run.MAX_EXAMPLES
    assert evidence["lossHistory"]["maxItems"] == run.MAX_HISTORY
    lines = found[".status.detection.windows[].triggers"]
    assert lines["maxItems"] == run.MAX_WINDOW_TRIGGERS


def test_levels_are_those_of_the_contract_that_a_value_can_have(
    crd_files: dict[str, Schema],
) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))
    levels = found[".spec.patterns[].when[].level[]"]["enum"]
    assert levels == [one.value for one in Level if one is not Level.UNKNOWN]
    assert found[".status.dependencies.unhealthy"]["maxItems"] == MAX_UNHEALTHY


def test_patterns_have_the_limits_that_the_operator_reads_them_by(
    crd_files: dict[str, Schema],
) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))
    assert [
        found[f".spec.{path}"][limit]
        for path, limit in (
            ("patterns", "maxItems"),
            ("nonAlertingPatterns", "maxItems"),
            ("patterns[].when", "maxItems"),
            ("patterns[].ratios", "maxItems"),
            ("patterns[].message", "maxLength"),
            ("patterns[].impact", "maxLength"),
            ("patterns[].actions", "maxItems"),
            ("patterns[].actions[]", "maxLength"),
        )
    ] == [
        patterns.MAX_PATTERNS,
        patterns.MAX_NON_ALERTING,
        patterns.MAX_CONDITIONS,
        patterns.MAX_RATIOS,
        patterns.MAX_MESSAGE,
        patterns.MAX_IMPACT,
        contract.MAX_ACTIONS,
        patterns.MAX_ACTION,
    ]


def test_the_two_window_reports_have_one_shape(crd_files: dict[str, Schema]) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))
    report = {**found[".status.detection.report"], "description": ""}
    assert report == {**found[".status.detection.anomaly"], "description": ""}


def test_detection_holds_as_many_windows_as_a_run_scores(crd_files: dict[str, Schema]) -> None:
    found = dict(nodes(schema(crd_files["AnomalyService"])))
    assert found[".status.detection.windows"]["maxItems"] == contract.MAX_WINDOWS
    rules = str(found[".spec"]["x-kubernetes-validations"])
    assert f"at most {contract.MAX_WINDOWS}'" in rules


def test_changes_and_context_fit_the_values_that_are_written(crd_files: dict[str, Schema]) -> None:
    service = dict(nodes(schema(crd_files["AnomalyService"])))
    anomaly = dict(nodes(schema(crd_files["Anomaly"])))
    assert anomaly[".status.changes"]["maxItems"] == changes.MAX_CHANGES
    limits = {
        "subject": changes.SUBJECT_BYTES,
        "from": changes.SIDE_BYTES,
        "to": changes.SIDE_BYTES,
        "detail": changes.DETAIL_BYTES,
        "text": changes.TEXT_BYTES,
    }
    for name, limit in limits.items():
        assert anomaly[f".status.changes[].{name}"]["maxLength"] == limit
    message = anomaly[".status.changeLookup.message"]["maxLength"]
    assert message == MESSAGE_BYTES
    kinds = anomaly[".status.changes[].kind"]["enum"]
    assert kinds == list(changes.ChangeKind)
    assert service[".spec.workloadRef.kind"]["enum"] == list(WorkloadKind)
    assert service[".spec.context[].preset"]["enum"] == list(ContextPreset)
    assert service[".spec.context[].top"]["default"] == context.DEFAULT_ROWS
    for results in (service[".status.detection.context"], anomaly[".status.context"]):
        assert results["maxItems"] == context.MAX_CONTEXT
        found = dict(nodes(results["items"]))
        assert found[".rows"]["maxItems"] == context.MAX_ROWS
        assert found[".note"]["maxLength"] == context.MAX_NOTE
        assert found[".rows[].label"]["maxLength"] == context.MAX_LABEL
        assert found[".rows[].value"]["maxLength"] == context.MAX_VALUE


def test_priority_and_containment_have_the_words_of_the_code(
    crd_files: dict[str, Schema],
) -> None:
    anomaly = dict(nodes(schema(crd_files["Anomaly"])))
    policy = dict(nodes(schema(crd_files["SLOPolicy"])))
    assert anomaly[".status.priority.parts[].name"]["enum"] == list(Part)
    assert anomaly[".status.priority.entry"]["enum"] == list(Entry)
    assert anomaly[".status.containment.outcome"]["enum"] == list(Outcome)
    assert policy[".spec.playbook.tiers[].entry"]["enum"] == list(Entry)
    weights = {
        field: policy[f".spec.playbook.weights.{field}"]["default"]
        for field in WEIGHT_FIELDS.values()
    }
    assert weights == {WEIGHT_FIELDS[part]: most for part, most in DEFAULT_WEIGHTS.items()}
    assert policy[".spec.playbook.tiers"]["maxItems"] == MAX_TIERS


def test_an_incident_of_a_training_run_has_the_words_of_the_code(
    crd_files: dict[str, Schema],
) -> None:
    anomaly = dict(nodes(schema(crd_files["Anomaly"])))
    assert anomaly[".status.reaction.outcome"]["enum"] == list(reaction.Outcome)
    found = ".status.trainingRun"
    assert set(anomaly[f"{found}.triggers[].tier"]["enum"]) == set(incident_run.TIERS)
    assert set(anomaly[f"{found}.triggers[].action"]["enum"]) == set(incident_run.ACTIONS)
    assert [
        anomaly[f"{found}.{key}"]["maxItems"]
        for key in ("triggers", "zScores", "examples", "lossHistory")
    ] == [
        run.MAX_EVIDENCE_TRIGGERS,
        incident_run.MAX_Z_SCORES,
        run.MAX_EXAMPLES,
        run.MAX_HISTORY,
    ]
    fields = {camel(one.name) for one in dataclasses.fields(run.RunEvidence)}
    known = {key.removeprefix(f"{found}.") for key in anomaly if key.startswith(f"{found}.")}
    assert {key for key in known if "." not in key and "[" not in key} == fields | {"at"}


def test_objectives_are_as_many_and_as_long_as_the_contract_has_them(
    crd_files: dict[str, Schema],
) -> None:
    policy = dict(nodes(schema(crd_files["SLOPolicy"])))
    service = dict(nodes(schema(crd_files["AnomalyService"])))
    assert policy[".spec.objectives"]["maxItems"] == slo.MAX_OBJECTIVES
    assert service[".status.objectives"]["maxItems"] == slo.MAX_OBJECTIVES
    ratio = ".spec.objectives[].indicator.ratio.errors"
    assert policy[ratio]["maxLength"] == slo.MAX_QUERY
    tiers = policy[".spec.objectives[].tiers"]["properties"]
    told = [(name, tier["default"]["severity"]) for name, tier in tiers.items()]
    names = [tier.name.value for tier in slo.TIERS]
    assert told == [
        (name[0].lower() + name[1:], tier.severity.value)
        for name, tier in zip(names, slo.TIERS, strict=True)
    ]
    for tier, text in zip(slo.TIERS, tiers.values(), strict=True):
        windows = (slo.window_text(one) for one in (tier.long_seconds, tier.short_seconds))
        assert text["description"].startswith(
            f"Burns from {tier.factor:g}x over {' and '.join(windows)} of a 30-day window."
        )
