"""The API reference says what the CRDs say."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "operator" / "docs"


def test_the_page_is_current() -> None:
    made = runpy.run_path(str(DOCS / "generate_api_reference.py"))["reference"]()
    told = "run python operator/docs/generate_api_reference.py"
    assert (DOCS / "api-reference.md").read_text() == made, told
