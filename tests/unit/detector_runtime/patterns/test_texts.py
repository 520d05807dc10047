"""Every pattern's text with figures, as a file that a reviewer can read.

`GOLDEN=update pytest tests/unit/detector_runtime/patterns/test_texts.py` writes it anew.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path

from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.vocabulary import Category
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.patterns.match import Match, Situation, match
from detector_runtime.patterns.wording import Words, text
from detector_runtime.verdict.findings import MAX_IMPACT
from tests.unit.detector_runtime.patterns.standing_of import standing
from tests.unit.detector_runtime.patterns.test_match import SCENARIOS

ROOT = Path(__file__).parents[4]
GOLDEN = Path(__file__).parent / "golden" / "texts.md"
VALUES = {name: values for name, values, _ in SCENARIOS} | {
    "suspicious_fast_responses": {"latency": 20.0, "errors": 0.03},
    "error_rate_partial_rejection": {"latency": 170.0, "errors": 0.03},
    "flapping_service": {"latency": 600.0},
}
DEPENDENCIES = ("payments", "inventory")


def said(spec: PatternSpec) -> str:
    """The texts of a pattern in a window that it fits."""
    metrics = standing(**VALUES[spec.name])
    found = match(spec, Situation(metrics, frozenset(spec.circumstances)))
    if not isinstance(found, Match):
        found = Match(spec, tuple(one.metric.name for one in metrics if one.unusual))
    words = Words(metrics, Category.BUSINESS_CRITICAL, "business hours", DEPENDENCIES)
    told = text(found, words)
    actions = "\n".join(f"{number}. {one}" for number, one in enumerate(told.actions, 1))
    return f"## {spec.name}\n\n{told.summary}.\n\n{told.impact}.\n\n{actions}\n"


def test_every_patterns_text_is_as_recorded() -> None:
    page = "\n".join(said(spec) for spec in CATALOGUE)
    if os.environ.get("GOLDEN") == "update":
        GOLDEN.write_text(page)
    assert page == GOLDEN.read_text()
    assert "{" not in page


def test_every_sentence_is_whole() -> None:
    for spec in CATALOGUE:
        _, summary, impact, *_ = said(spec).split("\n\n")
        assert spec.message.count(";") == summary.count(";"), f"{spec.name} left out a clause"
        assert len(summary) > 20
        assert 10 < len(impact) <= MAX_IMPACT


def test_the_page_is_current() -> None:
    docs = ROOT / "operator" / "docs"
    made = runpy.run_path(str(docs / "generate_patterns.py"))["page"]()
    told = "run python operator/docs/generate_patterns.py"
    assert (docs / "patterns.md").read_text() == made, told
