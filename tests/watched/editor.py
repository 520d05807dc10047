"""A person with `edit` in one namespace: the built-in role and what the chart adds to it, no more.

Everything is done by impersonation, so that the API server decides what such a person may do.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api
from watched.helm import CHART, helm

RELEASE = "aggregated"
"""Of its own, so that an installation of the chart in the same cluster finds its names free."""
PROBE = ("auth", "can-i", "create", "anomalyservices.anomaly-operator.dev")

Json = dict[str, Any]


@dataclass(frozen=True)
class Editor:
    """`cluster` as `name` sees it in `namespace`."""

    cluster: Sandbox
    namespace: str
    name: str

    def kubectl(
        self, *arguments: str, document: Json | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """In the namespace. `document` is standard input; use it with `-f -`."""
        who = (f"--as={self.name}", "--as-group=system:authenticated", "-n", self.namespace)
        text = None if document is None else json.dumps(document)
        return self.cluster.kubectl(*arguments, *who, input=text, check=check)

    def api(self) -> Api:
        """For many requests or large ones; the caller closes it."""
        return self.cluster.api.as_user(self.name)

    def create(self, document: Json) -> Json:
        """The object as the API server answers."""
        done = self.kubectl("create", "-f", "-", "-o", "json", document=document)
        return dict(json.loads(done.stdout))

    def patch(self, kind: str, name: str, change: Json) -> None:
        """A merge patch."""
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))


def make_editor(cluster: Sandbox, namespace: str) -> Editor:
    """Grants `edit` in `namespace` to a user of that namespace and waits until it is in force."""
    command = ("template", RELEASE, str(CHART), "--show-only", "templates/aggregated-roles.yaml")
    with TemporaryDirectory() as home:
        roles = helm(Path(home), *command)
    assert roles.returncode == 0, roles.stderr
    cluster.kubectl("apply", "-f", "-", input=roles.stdout, check=True)
    editor = Editor(cluster, namespace, f"editor-of-{namespace}")
    grant = ("create", "rolebinding", "editor", "-n", namespace, "--clusterrole=edit")
    cluster.kubectl(*grant, f"--user={editor.name}", check=True)
    cluster.wait_for(
        lambda: editor.kubectl(*PROBE, check=False).stdout.strip() == "yes", 60, "edit is granted"
    )
    return editor
