"""Files with Kubernetes objects: which AnomalyServices and SLOPolicies they hold.

As kubectl reads them: YAML or JSON, several documents, lists. Other kinds are passed over, and
nothing is asked of a cluster.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from anomaly_cli.refusal import InputError
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import POLICY, SERVICE
from anomaly_operator.observe.read import metadata, policy_object
from anomaly_operator.settings.yaml_text import YAMLError, load_all
from anomaly_operator.world.objects import Meta, PolicyObject

DEFAULT_NAMESPACE = "default"
UNNAMED = "backtest"
"""Name of a service that has none: a file made for a backtest alone need not give one."""
Raw = dict[str, Any]
_KINDS = frozenset({SERVICE.kind, POLICY.kind})


class ServiceFileError(InputError):
    """A file whose objects cannot be used. The message names file, field and next step."""


@dataclass(frozen=True, slots=True)
class ServiceDocument:
    """An AnomalyService as it stands in the file `path`."""

    path: Path
    meta: Meta
    document: Raw

    @property
    def name(self) -> str:
        """With the namespace where the object names one."""
        found = self.document.get("metadata")
        parts = found if isinstance(found, dict) else {}
        return "/".join(str(parts[key]) for key in ("namespace", "name") if parts.get(key))


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of some files. Those that name no namespace are in the one that the others name,
    as `kubectl apply -n` would put them there; in `default` where that is none or several."""

    paths: tuple[Path, ...] = ()
    services: tuple[ServiceDocument, ...] = ()
    policies: tuple[PolicyObject, ...] = ()

    @property
    def said(self) -> str:
        """The files in a message."""
        return ", ".join(str(path) for path in self.paths)


def read_objects(paths: Sequence[Path]) -> Objects:
    """The objects in `paths`. Raises ServiceFileError, OSError."""
    found = [(path, document) for path in paths for document in objects_in(path, _KINDS)]
    return collected(tuple(paths), found)


def read_text(text: str, said: Path) -> Objects:
    """The objects in a text that messages call `said`. Raises ServiceFileError."""
    return collected((said,), [(said, document) for document in _of_text(text, said, _KINDS)])


def collected(paths: tuple[Path, ...], found: Sequence[tuple[Path, Raw]]) -> Objects:
    """The objects `found`, each with where it stands. Raises ServiceFileError."""
    named = {
        str(namespace)
        for _, document in found
        if isinstance(document.get("metadata"), dict)
        and (namespace := document["metadata"].get("namespace"))
    }
    home = named.pop() if len(named) == 1 else DEFAULT_NAMESPACE
    services, policies = [], []
    for path, document in found:
        if document["kind"] == POLICY.kind:
            policies.append(_policy(path, document, home))
        else:
            services.append(ServiceDocument(path, _placed(metadata(document), home), document))
    return Objects(paths, tuple(services), tuple(policies))


def _policy(path: Path, document: Raw, home: str) -> PolicyObject:
    """In a cluster an invalid policy is a condition and applies to nothing; a backtest without it
    would look like one in which every threshold is met."""
    policy = policy_object({**document, "spec": document.get("spec") or {}})
    if policy.spec is None:
        problem = "; ".join(str(one) for one in policy.problems)
        raise ServiceFileError(f"{path}: {POLICY.kind} {policy.meta.name}: {problem}")
    return replace(policy, meta=_placed(policy.meta, home))


def stand_in(kind: str, namespace: str, name: str) -> Meta:
    """The identity of an object that no API server has made; the same names give the same uid."""
    uid = str(uuid5(NAMESPACE_URL, f"{kind}/{namespace}/{name}"))
    return Meta(API_VERSION, kind, namespace, name, uid, "1", generation=1)


def _placed(meta: Meta, home: str) -> Meta:
    named = stand_in(meta.kind, meta.namespace or home, meta.name or UNNAMED)
    return replace(
        named,
        uid=meta.uid or named.uid,
        created=meta.created,
        deleting=meta.deleting,
        labels=meta.labels,
    )


def objects_in(path: Path, kinds: frozenset[str]) -> Iterator[Raw]:
    """The objects of these kinds in all documents of a file in YAML or JSON, those in lists too.
    Raises ServiceFileError, OSError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ServiceFileError(
            f"{path} is not UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    yield from _of_text(text, path, kinds)


def _of_text(text: str, path: Path, kinds: frozenset[str]) -> Iterator[Raw]:
    try:
        documents = _documents(text)
    except YAMLError as error:
        raise ServiceFileError(f"{path}: {error}") from error
    for document in documents:
        yield from _in(document, kinds)


def _documents(text: str) -> list[Any]:
    if text.lstrip().startswith(("{", "[")):
        # JSON may be indented by tabs, which YAML forbids.
        with contextlib.suppress(json.JSONDecodeError):
            return [json.loads(text)]
    return load_all(text)


def _in(document: object, kinds: frozenset[str]) -> Iterator[Raw]:
    if isinstance(document, list):
        for one in document:
            yield from _in(one, kinds)
    elif isinstance(document, dict):
        kind = str(document.get("kind", ""))
        if kind in kinds:
            yield document
        elif kind.endswith("List"):
            # The items of a list by kubectl may leave out what the list's kind says.
            for one in document.get("items") or []:
                named = {"kind": kind.removesuffix("List"), **one} if isinstance(one, dict) else one
                yield from _in(named, kinds)
