"""Manifests as YAML: the way there and back, bounds, and what is not a person's to write."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dashboard.writes.manifest_text import (
    MAX_BYTES,
    MAX_DOCUMENTS,
    ManifestTextError,
    essence,
    read,
    written,
)
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])) | st.sampled_from(
    ["18:00", "1e3", "0x1f", "0o17", "no", "y", "2026-01-01", "1_000", ".5", "a\nb\n", "~", "null",
     "- x", "{{x}}", "%", "@a", "\t", " a ", "a: b", "#", "", "99.9%", "1.", "+1", "=", "<<"]
)  # fmt: skip
VALUES = st.recursive(
    TEXTS | st.booleans() | st.none() | st.integers(-(10**9), 10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def policy(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": POLICY.kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_reads_the_same_again(spec: dict[str, Any]) -> None:
    text = written(policy(x=spec))
    (found,) = read(text)
    assert found.manifest == policy(x=spec)
    assert found.title == "SLOPolicy shop/web"


@pytest.mark.parametrize("text", ["18:00", "1e3", "0x1f", "no", "y", "2026-01-01", "1_000", "0o17"])
def test_a_text_stays_a_text_for_a_reader_of_yaml_1_1(text: str) -> None:
    assert yaml.safe_load(written(policy(x=text)))["spec"]["x"] == text
    assert f"x: {text}\n" not in written(policy(x=text))


def test_what_programs_keep_in_an_object_is_not_exported() -> None:
    raw = {
        "apiVersion": "old",
        "metadata": {
            "name": "a", "namespace": "shop", "uid": "1", "resourceVersion": "2",
            "labels": {"b": "1", "a": "2"}, "finalizers": ["x"],
            "annotations": {
                "note": "kept",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "anomaly-operator.dev/train-requested-at": "now",
            },
        },
        "spec": {"category": "Core"},
        "status": {"state": "Healthy"},
    }  # fmt: skip
    found = essence(SERVICE, raw)
    assert found == {
        "apiVersion": API_VERSION,
        "kind": "AnomalyService",
        "metadata": {
            "name": "a",
            "namespace": "shop",
            "labels": {"a": "2", "b": "1"},
            "annotations": {"note": "kept"},
        },
        "spec": {"category": "Core"},
    }


def test_of_an_incident_only_what_people_said_is_a_manifest() -> None:
    raw = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"serviceRef": {"name": "x"}}}
    assert essence(ANOMALY, raw) is None
    raw["spec"]["feedback"] = {"verdict": "Expected"}
    found = essence(ANOMALY, raw)
    assert found is not None
    assert found["spec"] == {"feedback": {"verdict": "Expected"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML: line 1"),
        ("- a", "document 1 is not a mapping"),
        ("kind: Secret", "document 1 is of kind 'Secret'; only AnomalyService"),
        ("kind: SLOPolicy\napiVersion: v1", "apiVersion is 'v1'; write anomaly-operator.dev"),
        (f"kind: SLOPolicy\napiVersion: {API_VERSION}\nmetadata: {{name: a}}", "namespace is miss"),
        (written({**policy(), "spec": "x"}), "spec is missing or no mapping"),
        ("a: &a [1]\nb: [*a, *a]", "anchors and aliases are not read"),
        ("a: 1\na: 2", "duplicate key 'a'"),
        ("x: !!python/object:os.system {}", "not YAML"),
        ("[" * 5000, "nested deeper than 40 levels"),
        ("#" * (MAX_BYTES + 1), "has more than 900 KiB"),
        ("---\n".join(["kind: X\n"] * (MAX_DOCUMENTS + 1)), "501 documents, at most 500"),
        (f"{written(policy())}---\n{written(policy())}", "SLOPolicy shop/web stands there twice"),
        (written(policy("../../../v1/secrets")), "metadata.name is '../../../v1/secrets'; write"),
        (written(policy("a?dryRun=")), "metadata.name is"),
        (written(policy("a..b/")), "metadata.name is"),
        (written({**policy(), "kind": "Anomaly"}), "the rest of it is the operator's"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_the_next_step(text: str, said: str) -> None:
    with pytest.raises(ManifestTextError, match=said.replace("(", r"\(")):
        read(text)


def test_lists_and_a_namespace_for_those_that_name_none_are_read() -> None:
    one = policy("a", x=1)
    del one["metadata"]["namespace"]
    text = yaml.safe_dump({"kind": "List", "items": [one, policy("b", x=1)]})
    assert [found.place for found in read(text, "elsewhere")] == [("elsewhere", "a"), ("shop", "b")]
