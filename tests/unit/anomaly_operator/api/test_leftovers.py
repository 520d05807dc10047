"""What a live status has beside what its owner applied, and the patch that removes it."""

from __future__ import annotations

from anomaly_operator.api.leftovers import leftovers, removal

WANTED = {
    "state": "Healthy",
    "model": {"revision": "r1"},
    "conditions": [{"type": "Ready", "status": "True"}],
    "summary": ["fine"],
}


def test_a_status_that_is_as_applied_has_none() -> None:
    assert leftovers(WANTED, WANTED) == ()


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
    patch = removal(leftovers(live, WANTED), "7")
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
