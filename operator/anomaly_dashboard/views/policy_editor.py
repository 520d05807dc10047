"""What the editor of an SLOPolicy shows after a text was checked or applied.

A text goes through three readers, and only the first that refuses is heard: YAML, the operator's
own reading of the spec, the API server's dry run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from anomaly_dashboard.views.manifest_diff import DiffLine, diff
from anomaly_dashboard.views.policies import Preview
from anomaly_dashboard.views.policy_form import PolicyForm, form_of
from anomaly_dashboard.writes.manifest_text import Manifest, ManifestTextError, Named, read
from anomaly_dashboard.writes.tried import Tried
from anomaly_operator.api.resources import POLICY
from anomaly_operator.spec.policy_parse import parse_policy

MAX_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Access:
    """`apply`: the caller may apply it; `why_not`: in words where not."""

    apply: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class EditorView:
    """`name`: empty for a new policy. `problems`: why the text cannot be used, each with the field
    and the next step. `verdict`: what came of it, empty before it was checked. `live`: the API
    server has been asked, so `difference` is what it would store."""

    namespace: str
    name: str
    manifest: str
    form: PolicyForm
    access: Access
    problems: tuple[str, ...] = ()
    verdict: str = ""
    difference: tuple[DiffLine, ...] = ()
    staying: tuple[str, ...] = ()
    preview: Preview | None = None
    live: bool = False

    @property
    def new(self) -> bool:
        return not self.name


def read_policy(said: str, namespace: str, name: str) -> Named:
    """The policy in the text; `name` empty: any. Raises ManifestTextError."""
    if len(said) > MAX_CHARACTERS:
        raise ManifestTextError(f"the text has more than {MAX_CHARACTERS} characters; shorten it")
    found = read(said, namespace)
    if len(found) != 1:
        raise ManifestTextError(f"{len(found)} documents, one {POLICY.kind} is edited at a time")
    one = found[0]
    if one.resource != POLICY:
        raise ManifestTextError(f"kind is {one.resource.kind}; write {POLICY.kind}")
    if one.place[0] != namespace:
        raise ManifestTextError(
            f"metadata.namespace is {one.place[0]}, this page is of {namespace}; write that, or "
            f"open the page of the other namespace"
        )
    if name and one.place[1] != name:
        raise ManifestTextError(
            f"metadata.name is {one.place[1]}, this page is of {name}; write that, or begin a new "
            f"policy"
        )
    return one


def spec_problems(manifest: Manifest) -> tuple[str, ...]:
    """What the operator would complain of."""
    _, problems = parse_policy(manifest["spec"])
    return tuple(str(one) for one in problems)


def checked(view: EditorView, tried: Tried, *, applied: bool) -> EditorView:
    """After the API server was asked, for a dry run or to apply."""
    if tried.problem:
        return replace(view, problems=(tried.problem,), live=True)
    if not tried.changes:
        verdict = "Nothing changes: the API server has this already."
    elif applied:
        verdict = "Applied."
    else:
        verdict = "The API server would accept it. Nothing has been written yet."
    return replace(
        view,
        verdict=verdict,
        difference=diff(tried.before, tried.after),
        staying=tried.staying,
        live=True,
    )


def unchecked(view: EditorView, before: Manifest | None, after: Manifest) -> EditorView:
    """Where the caller has no login to ask the API server with."""
    return replace(
        view,
        verdict="The spec is valid. The API server was not asked: sign in with a token for that.",
        difference=diff(before, after),
    )


def with_spec(view: EditorView, manifest: Manifest) -> EditorView:
    """The same with the form of that text."""
    return replace(view, form=form_of(manifest["spec"]))
