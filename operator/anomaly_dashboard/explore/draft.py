"""Settings as somebody tries them: an AnomalyService, and the SLOPolicy that holds for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_dashboard.explore.manifest import Raw, yaml_of
from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.resources import POLICY, SERVICE
from anomaly_operator.settings.yaml_text import YAMLError, load_all
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.spec.service_parse import parse_service

MAX_TEXT = 128 * 1024
"""Characters of a draft."""
Path = tuple[str, ...]


class DraftError(Exception):
    """A draft that cannot be tried. `problems`: each with its field, value and next step."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Draft:
    """`policy` None: none holds, or it is not ours to try."""

    service: Raw
    policy: Raw | None = None

    @property
    def documents(self) -> tuple[Raw, ...]:
        return (self.service,) if self.policy is None else (self.service, self.policy)

    @property
    def text(self) -> str:
        return yaml_of(self.documents)

    @property
    def namespace(self) -> str:
        return str(at(self.service, ("metadata", "namespace")) or "")

    @property
    def name(self) -> str:
        return str(at(self.service, ("metadata", "name")) or "")


def read_draft(text: str, namespace: str) -> Draft:
    """The one AnomalyService of a YAML text, and the SLOPolicy beside it if there is one. Raises
    DraftError."""
    if len(text) > MAX_TEXT:
        raise DraftError([f"the draft has {len(text)} characters; at most {MAX_TEXT} are read"])
    try:
        documents = [one for one in load_all(text) if one is not None]
    except YAMLError as error:
        raise DraftError([f"the draft is not YAML: {error}"]) from error
    services = [one for one in documents if _kind(one) == SERVICE.kind]
    policies = [one for one in documents if _kind(one) == POLICY.kind]
    strangers = [one for one in documents if _kind(one) not in {SERVICE.kind, POLICY.kind}]
    if strangers:
        raise DraftError([f"kind: {_kind(strangers[0])!r} is not {SERVICE.kind} or {POLICY.kind}"])
    if len(services) != 1 or len(policies) > 1:
        raise DraftError(
            [
                (
                    f"kind: the draft has {len(services)} {SERVICE.kind} and {len(policies)} "
                    f"{POLICY.kind}; write one service, and at most one policy beside it"
                )
            ]
        )
    draft = Draft(
        _placed(services[0], namespace), _placed(policies[0], namespace) if policies else None
    )
    check(draft)
    return draft


def check(draft: Draft) -> None:
    """Raises DraftError with each problem of the two specs, by its field."""
    problems = [str(one) for one in _problems(draft)]
    if not draft.name:
        problems.insert(0, "metadata.name: is missing; name the service")
    if problems:
        raise DraftError(problems)


def query_draft(namespace: str, source: str, query: str, step: str) -> Draft:
    """A service of one metric, whose query somebody types. Raises DraftError."""
    spec: dict[str, Any] = {
        "source": {"name": source},
        "step": step or "1m",
        "metrics": [{"name": "value", "query": query}],
    }
    separation = _separation(spec["step"])
    if separation:
        spec["incidents"] = {"separation": separation}
    draft = Draft(
        {
            "apiVersion": API_VERSION,
            "kind": SERVICE.kind,
            "metadata": {"name": "explored", "namespace": namespace},
            "spec": spec,
        }
    )
    check(draft)
    return draft


def _separation(step: str) -> str:
    """What windows of `step` need where the default is too short for them; empty: it is not."""
    try:
        seconds = parse_seconds(step)
    except ValueError:
        return ""  # the spec's own rules say what a duration is
    wanted = int(6 * seconds)
    return format_seconds(wanted) if wanted > IncidentPlan().separation_seconds else ""


def _problems(draft: Draft) -> Sequence[Problem]:
    _, found = parse_service(draft.service.get("spec"))
    if draft.policy is None:
        return found
    _, more = parse_policy(draft.policy.get("spec"))
    return (*found, *more)


def _placed(document: Raw, namespace: str) -> Raw:
    """In the namespace that was chosen, for which the right was checked."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    named = str(metadata.get("namespace") or namespace)
    if named != namespace:
        raise DraftError(
            [f"metadata.namespace: is {named}, and {namespace} was chosen; write that or leave it"]
        )
    return {**document, "metadata": {**metadata, "namespace": namespace}}


def _kind(document: object) -> str:
    return str(document.get("kind", "")) if isinstance(document, dict) else type(document).__name__


def at(document: object, path: Path) -> Any:
    """The value at `path`, None where there is none."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document
