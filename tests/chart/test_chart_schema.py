"""Values that cannot work are refused before anything is installed, with their path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"


def source(**fields: Any) -> Json:
    return {"settings": {"sources": {"default": fields}}}


def receiver(**fields: Any) -> Json:
    one = {"name": "chat", "type": "Slack", **fields}
    return {"settings": {"notifications": {"receivers": [one]}}}


REFUSED: list[tuple[str, Json, str]] = [
    ("a misspelt key", {"replicas": 3}, "additional properties 'replicas' not allowed"),
    ("no replica", {"replicaCount": 0}, "/replicaCount"),
    ("a moving tag", {"image": {"tag": "latest"}}, "/image/tag"),
    ("a digest that is none", {"image": {"digest": "sha256:abc"}}, "/image/digest"),
    ("a pull policy of its own", {"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    (
        "a runtime image without a tag",
        {"settings": {"images": {"score": "registry/score"}}},
        "/settings/images/score",
    ),
    (
        "a moving runtime image",
        {"settings": {"images": {"train": "registry/train:latest"}}},
        "/settings/images/train",
    ),
    ("no source at all", {"settings": {"sources": {"default": None}}}, "/settings/sources"),
    ("a source without an address", source(url=None), "missing property 'url'"),
    ("a source of another protocol", source(url="ftp://metrics"), "/settings/sources/default/url"),
    ("a login in an address", source(url="http://me:secret@metrics"), "/default/url"),
    ("an unknown source", source(type="Graphite"), "/settings/sources/default/type"),
    ("a misspelt source key", source(urls=[]), "additional properties 'urls' not allowed"),
    ("a login in a header", source(headers={"authorization": "Bearer x"}), "authorization"),
    ("a header of two lines", source(headers={"X-A": "a\nX-B: c"}), "/default/headers/X-A"),
    ("a parameter of the query", source(queryParameters={"step": "5m"}), "step"),
    ("a limit in words", source(limits={"maxRange": "a month"}), "/default/limits/maxRange"),
    ("a limit on samples", source(limits={"maxSamples": 5}), "'maxSamples' not allowed"),
    ("a warning of one letter", source(harmlessWarnings=["a"]), "/harmlessWarnings/0"),
    ("a signature", source(auth={"type": "SigV4", "region": "eu-west-1"}), "/default/auth"),
    ("a login without a Secret", source(auth={"type": "Bearer"}), "missing property 'secretName'"),
    (
        "a CSV source of two places",
        {"settings": {"sources": {"files": {"type": "CSV", "configMap": "a", "claim": "b"}}}},
        "/settings/sources/files",
    ),
    ("a receiver of another protocol", receiver(url="ftp://chat"), "/receivers/0/url"),
    ("a login in a receiver's address", receiver(url="https://me:x@chat"), "/receivers/0/url"),
    ("a receiver without an address", receiver(), "/receivers/0"),
    ("a receiver of two addresses", receiver(url="https://a", urlFile="/b"), "/receivers/0"),
    ("an unknown receiver", receiver(type="Pigeon", url="https://a"), "/receivers/0/type"),
    ("a file that is no path", receiver(urlFile="secret"), "/receivers/0/urlFile"),
    (
        "a signature that Slack does not know",
        receiver(url="https://a", signingKeyFile="/key"),
        "/receivers/0/signingKeyFile",
    ),
    (
        "a route to nobody",
        {"settings": {"notifications": {"routes": [{"receivers": []}]}}},
        "/routes/0/receivers",
    ),
    ("a source name in capitals", {"settings": {"sources": {"Main": {}}}}, "Main"),
    (
        "a pattern about an unknown role",
        {"settings": {"patterns": [{"name": "x", "when": [{"role": "Speed", "level": ["High"]}]}]}},
        "/settings/patterns/0/when/0/role",
    ),
    (
        "a misspelt key of a pattern",
        {"settings": {"patterns": [{"name": "x", "severty": "High"}]}},
        "additional properties 'severty' not allowed",
    ),
    ("a deadline in words", {"settings": {"training": {"deadline": "soon"}}}, "/deadline"),
    ("no training at a time", {"settings": {"training": {"maxConcurrent": 0}}}, "/maxConcurrent"),
    ("one revision alone", {"settings": {"storage": {"keepRevisions": 1}}}, "/keepRevisions"),
    ("an access mode of its own", {"settings": {"storage": {"accessMode": "Any"}}}, "/accessMode"),
    (
        "a quantity that is a number",
        {"settings": {"training": {"resources": {"limits": {"cpu": 2}}}}},
        "/settings/training/resources/limits/cpu",
    ),
    ("another resource", {"resources": {"limits": {"nvidia.com/gpu": 1}}}, "nvidia.com/gpu"),
    ("a namespace that is none", {"watchNamespaces": ["Shop"]}, "/watchNamespaces/0"),
    ("a namespace twice", {"watchNamespaces": ["shop", "shop"]}, "/watchNamespaces"),
    ("a log level of its own", {"log": {"level": "loud"}}, "/log/level"),
    ("an unknown port", {"networkPolicy": {"apiServerPorts": [70000]}}, "/apiServerPorts/0"),
    ("a label of the chart's own", {"commonLabels": {"helm.sh/chart": "x"}}, "/commonLabels"),
    ("a label that is none", {"commonLabels": {"team": "a b"}}, "/commonLabels/team"),
    ("a registry with a scheme", {"global": {"imageRegistry": "https://r"}}, "/imageRegistry"),
    ("a variable from a Secret", {"extraEnv": [{"name": "A", "valueFrom": {}}]}, "'valueFrom'"),
    ("a user of its own", {"securityContext": {"runAsUser": 0}}, "'runAsUser' not allowed"),
    (
        "a spread over nothing",
        {"settings": {"pods": {"topologySpreadConstraints": [{"maxSkew": 1}]}}},
        "/settings/pods/topologySpreadConstraints/0",
    ),
    (
        "a key that none can have",
        {"settings": {"pods": {"perService": {"labels": ["a b"]}}}},
        "/settings/pods/perService/labels/0",
    ),
    (
        "a label of the operator's own",
        {"settings": {"pods": {"labels": {"anomaly-operator.dev/service": "x"}}}},
        "/settings/pods/labels",
    ),
    (
        "an affinity of another kind",
        {"settings": {"pods": {"affinity": {"rackAffinity": {}}}}},
        "rackAffinity",
    ),
    (
        "a budget of nothing",
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        "/podDisruptionBudget/maxUnavailable",
    ),
]


@pytest.mark.parametrize(
    ("values", "words"),
    [case[1:] for case in REFUSED],
    ids=[case[0].replace(" ", "-") for case in REFUSED],
)
def test_values_that_cannot_work_are_refused(
    values: Json, words: str, helm: Callable[..., Any]
) -> None:
    done = helm("template", "x", str(CHART), values=values)
    assert done.returncode != 0
    assert "values don't meet the specifications" in done.stderr
    assert words in done.stderr


def nodes(schema: Any) -> Iterator[Json]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_no_object_of_the_schema_is_open() -> None:
    """A key that nobody reads is a typing error that nobody sees."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    open_objects = [
        node
        for node in nodes(schema)
        if node.get("type") == "object"
        and "properties" in node
        and node.get("additionalProperties") is not False
    ]
    assert open_objects == []
