"""What a live status has beside what its owner applied, and the patch that removes it."""

from __future__ import annotations

from anomaly_operator.api.leftovers import field, leftovers, managers, removal, says

WANTED = {
    "state": "Healthy",
    "model": {"revision": "r1"},
    "conditions": [{"type": "Ready", "status": "True"}],
    "summary": ["fine"],
}


def test_a_status_that_is_as_applied_has_none() -> None:
    assert leftovers("AnomalyService", WANTED, WANTED) == ()


def test_fields_items_of_map_lists_and_fields_in_them_are_found_and_removed_from_the_end() -> None:
    live = {
        **WANTED,
        "lastFailure": {"at": "1"},
        "model": {"revision": "r1", "a/b~c": 1},
        "conditions": [
            {"type": "Old", "status": "True"},
            {"type": "Ready", "status": "True", "note": "x"},
            {"type": "Older", "status": "True"},
        ],
    }
    patch = removal(leftovers("AnomalyService", live, WANTED), "7")
    assert patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    paths = [one["path"] for one in patch[1:]]
    assert set(paths) == {
        "/status/lastFailure",
        "/status/model/a~1b~0c",
        "/status/conditions/0",
        "/status/conditions/1/note",
        "/status/conditions/2",
    }
    listed = [path for path in paths if "conditions" in path]
    assert listed == [
        "/status/conditions/2",
        "/status/conditions/1/note",
        "/status/conditions/0",
    ]


def test_a_list_that_has_one_owner_loses_nothing() -> None:
    """Of a service, not of a policy, where the API server merges this list by its key."""
    status = {"objectives": [{"name": "fast", "budgetLeft": "50%"}, {"name": "available"}]}
    assert leftovers("AnomalyService", status, status) == ()


def test_a_status_says_what_is_wanted_beside_what_others_left() -> None:
    live = {
        **WANTED,
        "lastFailure": {"at": "1"},
        "conditions": [{"type": "Old"}, {"type": "Ready", "status": "True", "note": "x"}],
    }
    assert says("AnomalyService", live, WANTED)
    assert not says("AnomalyService", {**live, "state": "Learning"}, WANTED)
    assert not says("AnomalyService", {**live, "conditions": [{"type": "Old"}]}, WANTED)
    assert not says("AnomalyService", {**live, "summary": ["fine", "x"]}, WANTED)


def test_the_managers_that_left_fields_are_named_and_no_others() -> None:
    status = {"state": "Healthy", "lastFailure": {"at": "1"}, "conditions": [{"type": "Old"}]}
    old = {"k:" + '{"type":"Old"}': {".": {}, "f:type": {}}}
    entries = [
        {"manager": "velero", "fieldsV1": {"f:status": {"f:lastFailure": {"f:at": {}}}}},
        {"manager": "sync", "fieldsV1": {"f:status": {"f:conditions": old}}},
        {"manager": "anomaly-operator-status", "fieldsV1": {"f:status": {"f:state": {}}}},
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:lastFailure": {}}}},
    ]
    raw = {"metadata": {"managedFields": entries}, "status": status}
    paths = leftovers("AnomalyService", status, {"state": "Healthy", "conditions": []})
    assert managers("AnomalyService", raw, paths) == ("sync", "velero")
    assert [field("AnomalyService", status, path) for path in paths] == [
        "status.lastFailure",
        "status.conditions[Old]",
    ]
    assert managers("AnomalyService", {"metadata": {}, "status": status}, paths) == ()
