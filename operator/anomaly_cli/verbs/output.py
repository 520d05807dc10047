"""`-o`: objects as kubectl prints them, for programs; without the bookkeeping of field managers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from anomaly_operator.api.resources import Resource

DOCUMENTS = ("json", "yaml", "name")
Raw = Mapping[str, Any]


def add_output(parser: argparse.ArgumentParser, *more: str) -> None:
    """The option `-o`, with the formats of `more` beside those for objects."""
    parser.add_argument(
        "-o",
        "--output",
        choices=(*more, *DOCUMENTS),
        default="",
        help="output format; default: text for people",
    )


def write_objects(format_name: str, resource: Resource, found: Sequence[Raw]) -> None:
    """Several objects on standard output, as a List."""
    if format_name == "name":
        _write("".join(f"{_reference(resource, one)}\n" for one in found))
        return
    listed = {"apiVersion": "v1", "kind": "List", "items": [_trimmed(one) for one in found]}
    write_document(format_name, listed)


def write_object(format_name: str, resource: Resource, found: Raw) -> None:
    """One object on standard output."""
    if format_name == "name":
        _write(f"{_reference(resource, found)}\n")
        return
    write_document(format_name, _trimmed(found))


def write_document(format_name: str, document: Raw) -> None:
    """JSON or YAML on standard output, in ASCII: nothing in it can steer a terminal."""
    if format_name == "yaml":
        _write(yaml.safe_dump(dict(document), sort_keys=False, width=100))
    else:
        _write(json.dumps(document, indent=2) + "\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _reference(resource: Resource, raw: Raw) -> str:
    return f"{resource.kind.lower()}.{resource.group}/{raw['metadata']['name']}"


def _trimmed(raw: Raw) -> dict[str, Any]:
    kept = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return {**raw, "metadata": kept}
