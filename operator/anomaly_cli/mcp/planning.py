"""The tool `plan`: what a changed manifest would change. It applies nothing."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from anomaly_cli.mcp import answers
from anomaly_cli.mcp.calls import Calls
from anomaly_cli.mcp.manifest import MAX_LETTERS, read_manifest
from anomaly_cli.mcp.options import Options
from anomaly_cli.mcp.reading import Namespace
from anomaly_cli.verbs.plan import planned, settings_of
from anomaly_cli.verbs.plan_report import report
from anomaly_cli.verbs.show import WIDTH


class Planning:
    """The tool, with how it reaches the cluster."""

    def __init__(self, options: Options, calls: Calls) -> None:
        self._options, self._calls = options, calls

    async def plan(
        self,
        manifest: Annotated[
            str,
            Field(
                description="The new AnomalyService in YAML or JSON, and SLOPolicies where they "
                "change too; several documents are allowed.",
                min_length=1,
                max_length=MAX_LETTERS,
            ),
        ],
        service: Annotated[
            str,
            Field(description="Name of the service, if the manifest has several.", max_length=320),
        ] = "",
        namespace: Namespace = "",
    ) -> Annotated[CallToolResult, answers.PlannedChange]:
        """Say what a changed AnomalyService would change in the cluster: training, children, SLO,
        incidents. It applies nothing."""
        return await self._calls.ask(partial(self._planned, manifest, service, namespace))

    def _planned(self, manifest: str, service: str, namespace: str) -> answers.Told:
        objects = read_manifest(manifest)
        settings = settings_of(self._options.settings)
        with self._options.cluster(namespace) as cluster:
            found = planned(cluster, objects, service or None, namespace, settings)
        new = found.new
        document = answers.PlannedChange(
            service=new.service.meta.name,
            namespace=new.service.meta.namespace,
            is_new=found.old is None,
            refused=new.refused,
            changes={label.lower(): lines for label, lines in found.changes.items()},
        )
        return answers.Told("\n".join(report(new, found.changes, WIDTH)), document)
