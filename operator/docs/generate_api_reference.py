"""Writes api-reference.md from the CRDs, so that the page always agrees with them.

    python operator/docs/generate_api_reference.py

It covers the fields that a user writes and reads; the guides explain how to use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).with_name("api-reference.md")
CRDS = Path(__file__).parents[2] / "crds"
KINDS = ("AnomalyService", "SLOPolicy", "Anomaly")

Schema = dict[str, Any]

INTRODUCTION = """\
# API reference

Generated from `crds/` by `operator/docs/generate_api_reference.py`; do not edit.

All kinds belong to the group `anomaly-operator.dev`, version `v1alpha1`, and to the category
`observability`. All are namespaced. Numbers other than counts are strings: decimals are quoted
(`"0.5"`), shares are percentages (`90%`), durations use the Prometheus notation (`30s`, `5m`,
`1h30m`). `kubectl explain` shows the same descriptions.

Fields in **bold** are required. `[]` marks a list item, `{}` a map value.
"""


def reference() -> str:
    """The whole page."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    by_kind = {document["spec"]["names"]["kind"]: document for document in documents}
    return "\n".join([INTRODUCTION, *(_kind(by_kind[kind]) for kind in KINDS)])


def _kind(document: Schema) -> str:
    names = document["spec"]["names"]
    (version,) = document["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    selectable = ", ".join(f"`{f['jsonPath'][1:]}`" for f in version.get("selectableFields", ()))
    lines = [
        f"## {names['kind']}",
        "",
        schema["description"],
        "",
        f"`{names['plural']}`, short `{names['shortNames'][0]}`."
        + (f" Field selectors: {selectable}." if selectable else ""),
        "",
    ]
    for part in ("spec", "status"):
        lines += [f"### {names['kind']} {part}", "", schema["properties"][part]["description"], ""]
        lines += ["| Field | Type | Meaning |", "| --- | --- | --- |"]
        lines += list(_rows(schema["properties"][part], part))
        lines.append("")
    return "\n".join(lines)


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        shown = f"**`{here}`**" if name in required else f"`{here}`"
        yield f"| {shown} | {_cell(_type(field))} | {_cell(_meaning(field))} |"
        yield from _rows(field, here)
        if field.get("type") == "array":
            yield from _rows(field["items"], f"{here}[]")


def _type(field: Schema) -> str:
    if "enum" in field:
        return " ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}, at most {field['maxItems']}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}, at most {field['maxProperties']}"
    if field.get("format") == "date-time":
        return "time"
    if field["type"] == "integer":
        low, high = field["minimum"], field["maximum"]
        return "integer" if high > 2**31 else f"integer, {low} to {high}"
    return str(field["type"])


def _meaning(field: Schema) -> str:
    text = str(field["description"])
    default = field.get("default")
    if isinstance(default, dict) or default is None:
        return text
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{text} Default `{shown or chr(34) * 2}`."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference())
