"""Manifests as YAML: what a person wrote of an object, and back.

What is written reads the same by YAML 1.1, by 1.2 and by the API server: a text that one of them
takes for a number or a truth value stands in quotes. What is read is bounded, and only of the three
kinds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from anomaly_cli.cluster_reading import part, text
from anomaly_dashboard.watched.rows import Place
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import ANOMALY, CUSTOM, Resource
from anomaly_operator.settings.yaml_text import YAMLError, load_all

MAX_BYTES = 900 * 1024
"""Of a text that is read; the form that carries it has to fit into a body of 1 MiB."""
MAX_DOCUMENTS = 500
SAID = ("acknowledgement", "feedback", "resolution")
"""What people write into an Anomaly; the rest of its spec is the operator's."""

Manifest = dict[str, Any]

_KINDS = {resource.kind: resource for resource in CUSTOM}
_WIDTH = 4096
"""A query stays on one line, where it can be found and copied."""
_DEPTH = 40
_NOTES = ("kubectl.kubernetes.io/last-applied-configuration", "anomaly-operator.dev/")
"""Annotations by programs; a request to train, exported and imported, would train again."""
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
"""They become parts of a path; nothing else than what the API server admits may get there."""
_AMBIGUOUS = re.compile(
    r"^[-+.]?[0-9][0-9a-fA-FxXoO_.:eE+-]*$|^(?:y|n|yes|no|on|off)$", re.IGNORECASE
)


class ManifestTextError(ValueError):
    """A text that holds no manifests that can be used; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Named:
    """A manifest with its kind and place."""

    resource: Resource
    place: Place
    manifest: Manifest

    @property
    def title(self) -> str:
        return f"{self.resource.kind} {self.place[0]}/{self.place[1]}"


def essence(resource: Resource, raw: Mapping[str, Any]) -> Manifest | None:
    """What people wrote of an object: its labels, annotations and spec, nothing that a program
    keeps there. Of an Anomaly what they said, None where nobody said anything."""
    metadata, spec = part(raw, "metadata"), part(raw, "spec")
    named: Manifest = {"name": text(metadata, "name"), "namespace": text(metadata, "namespace")}
    if resource == ANOMALY:
        said = {key: spec[key] for key in SAID if spec.get(key)}
        return _manifest(resource, named, said) if said else None
    notes = {
        key: value
        for key, value in sorted(part(metadata, "annotations").items())
        if not key.startswith(_NOTES)
    }
    labels = dict(sorted(part(metadata, "labels").items()))
    named |= {"labels": labels} if labels else {}
    named |= {"annotations": notes} if notes else {}
    return _manifest(resource, named, dict(spec))


def _manifest(resource: Resource, metadata: Manifest, spec: Manifest) -> Manifest:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec,
    }


def written(manifest: Mapping[str, Any]) -> str:
    """One document of YAML."""
    text = yaml.dump(
        dict(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return str(text)


def read(said: str, namespace: str = "") -> list[Named]:
    """The manifests in a text, those in lists too; `namespace` is for those that name none.

    Raises ManifestTextError for the first that cannot be used.
    """
    if len(said.encode(errors="replace")) > MAX_BYTES:
        raise ManifestTextError(f"the text has more than {MAX_BYTES // 1024} KiB; split it")
    _check_shape(said)
    try:
        documents = [one for document in load_all(said) for one in _listed(document)]
    except YAMLError as error:
        raise ManifestTextError(f"not YAML: {error}") from error
    if len(documents) > MAX_DOCUMENTS:
        raise ManifestTextError(
            f"{len(documents)} documents, at most {MAX_DOCUMENTS} are read at once; split the file"
        )
    found = [_named(one, at, namespace) for at, one in enumerate(documents, 1)]
    counts = Counter(one.title for one in found)
    twice = next((title for title, count in counts.items() if count > 1), "")
    if twice:
        raise ManifestTextError(f"{twice} stands there twice; remove one")
    return found


def _listed(document: object) -> list[object]:
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(document, dict) and isinstance(kind, str) and kind.endswith("List"):
        inner = document.get("items")
        return list(inner) if isinstance(inner, list) else []
    return [document]


def _named(document: object, number: int, namespace: str) -> Named:
    where = f"document {number}"
    if not isinstance(document, dict):
        raise ManifestTextError(f"{where} is not a mapping; write apiVersion, kind and so on")
    kind, version = document.get("kind"), document.get("apiVersion")
    resource = _KINDS.get(str(kind))
    if resource is None:
        known = ", ".join(_KINDS)
        raise ManifestTextError(f"{where} is of kind {kind!r}; only {known} are read")
    if version != API_VERSION:
        raise ManifestTextError(f"{where}: apiVersion is {version!r}; write {API_VERSION}")
    metadata = part(document, "metadata")
    place = text(metadata, "namespace") or namespace, text(metadata, "name")
    if not all(place):
        missing = "name" if not place[1] else "namespace"
        raise ManifestTextError(f"{where}: metadata.{missing} is missing; write it")
    for key, value, form in (("namespace", place[0], _LABEL), ("name", place[1], _SUBDOMAIN)):
        if not form.match(value):
            raise ManifestTextError(
                f"{where}: metadata.{key} is {value[:80]!r}; write lower-case letters, digits, - "
                "and, in a name, dots"
            )
    if not isinstance(document.get("spec"), dict):
        raise ManifestTextError(f"{where}: spec is missing or no mapping; write it")
    bare = {**document, "metadata": {**metadata, "namespace": place[0]}}
    manifest = essence(resource, bare)
    if manifest is None:
        raise ManifestTextError(
            f"{where}: Anomaly {place[1]} has none of {', '.join(SAID)}, and the rest of it is the "
            "operator's; remove the document"
        )
    return Named(resource, place, manifest)


def _check_shape(said: str) -> None:
    """Nothing nested too deep for the reader, and no aliases: a text of aliases to aliases is
    small and its content is not."""
    depth = 0
    try:
        for event in yaml.parse(said, _PARSER):
            if isinstance(event, yaml.AliasEvent):
                raise ManifestTextError("anchors and aliases are not read; write the value out")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH:
                raise ManifestTextError(f"nested deeper than {_DEPTH} levels; flatten it")
    except yaml.YAMLError:
        return  # The reader says what is wrong with it, in its own words.


_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Only its events are read; the C one is ten times as fast, where PyYAML has it."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and never an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature of the base
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else '"' if _AMBIGUOUS.match(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
