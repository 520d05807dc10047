"""Writes the dashboard's words for the reasons of conditions from the tables of conditions.md.

python operator/docs/generate_reasons.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

PAGE = Path(__file__).with_name("conditions.md")
WORDS = Path(__file__).parents[1] / "anomaly_dashboard" / "web" / "reasons.json"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def words() -> str:
    """JSON: by reason what it means and what to do; the first row of a reason counts."""
    found: dict[str, dict[str, str]] = {}
    reading = False
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            reading = False
        elif cells[0] == "Reason":
            reading = True
        elif reading and cells[0].startswith("`"):
            meaning, action = (_LINK.sub(r"\1", cell) for cell in cells[-2:])
            found.setdefault(cells[0].strip("`"), {"meaning": meaning, "action": action})
    return json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    WORDS.write_text(words())
