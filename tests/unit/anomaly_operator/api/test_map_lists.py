"""The lists that are merged by key are those that the CRDs declare so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api.conditions import MAP_LISTS

CRDS = Path(__file__).parents[4] / "crds"


def declared(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    for name, child in schema.get("properties", {}).items():
        yield from declared(child, (*path, name))
    if "items" in schema:
        yield from declared(schema["items"], path)
    if schema.get("x-kubernetes-list-type") == "map":
        (key,) = schema["x-kubernetes-list-map-keys"]
        yield path, key
    # Its items would be merged as well, and nothing here says how.
    assert schema.get("x-kubernetes-list-type") != "set"


@pytest.mark.parametrize("file", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_map_lists_of_a_status_are_known_by_kind(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    status = schema["properties"]["status"]
    assert dict(declared(status)) == MAP_LISTS[document["spec"]["names"]["kind"]]
