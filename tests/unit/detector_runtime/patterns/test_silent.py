"""The operator knows which built-in patterns notify nobody without the catalogue."""

from __future__ import annotations

from detector_runtime.contract.pattern_names import SILENT
from detector_runtime.patterns.catalogue import CATALOGUE


def test_the_silent_patterns_are_those_of_the_catalogue() -> None:
    assert {one.name for one in CATALOGUE if one.locked or not one.alerting} == SILENT
