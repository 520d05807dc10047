"""What somebody writes on an object of their own makes it no incident of another's service."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from anomaly_operator.anomalies.feedback import judgements
from anomaly_operator.api import names
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.read import anomaly_object, service_object

Json = dict[str, Any]
FINGERPRINT = "0123456789ab"
FIRST_SEEN = "2026-11-22T10:00:00Z"
NAME = names.anomaly_name("checkout", FINGERPRINT, 1795341600)
CLAIMS = ("label", "owner", "name", "namespace")


def service() -> Json:
    metadata = {"namespace": "shop", "name": "checkout", "uid": "uid-1", "resourceVersion": "1"}
    spec = {"preset": "OpenTelemetrySpanMetrics"}
    kind = {"apiVersion": names.API_VERSION, "kind": "AnomalyService"}
    return {**kind, "metadata": metadata, "spec": spec}


def anomaly(*claims: str) -> Json:
    """A closed incident that somebody called a false alarm, with only these of its four marks."""
    metadata: Json = {
        "namespace": "shop" if "namespace" in claims else "theirs",
        "name": NAME if "name" in claims else "mine",
        "uid": "uid-2",
        "resourceVersion": "2",
        "generation": 2,
    }
    if "label" in claims:
        metadata["labels"] = {names.LABEL_SERVICE_UID: "uid-1"}
    if "owner" in claims:
        metadata["ownerReferences"] = [{"kind": "AnomalyService", "uid": "uid-1"}]
    spec = {
        "serviceRef": {"name": "checkout"},
        "fingerprint": FINGERPRINT,
        "firstSeen": FIRST_SEEN,
        "feedback": {"verdict": "Expected"},
    }
    status = {"state": "Closed", "observedGeneration": 1}
    kind = {"apiVersion": names.API_VERSION, "kind": "Anomaly"}
    return {**kind, "metadata": metadata, "spec": spec, "status": status}


def counted(*claims: str, **spec: Any) -> Cache:
    cache = Cache()
    cache.put(service_object(service()))
    raw = anomaly(*claims)
    raw["spec"] |= spec
    cache.put(anomaly_object(raw))
    return cache


ATTEMPTS = [
    *itertools.combinations(CLAIMS, 1),
    *itertools.combinations(CLAIMS, 2),
    ("label", "owner", "name"),
    ("label", "owner", "namespace"),
]


@pytest.mark.parametrize("claims", ATTEMPTS, ids="+".join)
def test_a_part_of_the_marks_makes_no_incident_of_a_service(claims: tuple[str, ...]) -> None:
    found = counted(*claims).anomalies("uid-1")
    assert found == []
    assert judgements(found, "uid-1") == ()


@pytest.mark.parametrize("lost", ["label", "owner", ""])
def test_an_incident_that_lost_its_label_or_its_owner_is_still_known(lost: str) -> None:
    claims = [claim for claim in CLAIMS if claim != lost]
    assert [one.meta.name for one in counted(*claims).anomalies("uid-1")] == [NAME]


@pytest.mark.parametrize(
    "spec",
    [{"serviceRef": {"name": "cart"}}, {"fingerprint": "f" * 12}, {"firstSeen": "2026-11-22"}],
    ids=["service", "fingerprint", "firstSeen"],
)
def test_the_facts_must_be_those_of_the_name(spec: Json) -> None:
    assert counted(*CLAIMS, **spec).anomalies("uid-1") == []
