"""The tool `backtest`: the command's own replay, of a recording that the caller gives.

The recording is a text, a file below the folder of `--data-root`, or the last days of the
Prometheus of `--source-url`. A tool never names an address or another folder.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from anomaly_cli import backtest, console
from anomaly_cli.incident_list import cells, heads
from anomaly_cli.json_report import json_report
from anomaly_cli.mcp import answers
from anomaly_cli.mcp.bounds import MAX_ITEMS
from anomaly_cli.mcp.calls import Calls, Step, in_arguments
from anomaly_cli.mcp.data_root import content
from anomaly_cli.mcp.manifest import MAX_LETTERS, read_manifest
from anomaly_cli.mcp.options import Options
from anomaly_cli.mcp.reading import Namespace
from anomaly_cli.named_prometheus import metrics_at, recorded
from anomaly_cli.object_files import Objects, collected
from anomaly_cli.prepared import Prepared, prepared
from anomaly_cli.recording import Recording, read_content
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.replay_options import ReplayOptions, replay_options
from anomaly_cli.service_file import ServiceFile, chosen, without_file
from anomaly_cli.summary import summary
from anomaly_cli.verbs.target import bare
from anomaly_operator.api.resources import POLICY, SERVICE

MAX_CSV = 2_000_000
"""Characters of a recording in a call."""
MAX_DAYS = 90
CSV = Path("csv")
CLUSTER = Path("the cluster")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, as it was made."""

    csv: str
    file: str
    days: int
    manifest: str
    service: str
    namespace: str


class Trying:
    """The tool, with how it reaches the cluster."""

    def __init__(self, options: Options, calls: Calls) -> None:
        self._options, self._calls = options, calls

    async def backtest(
        self,
        context: Context[Any, Any],
        *,
        csv: Annotated[
            str,
            Field(
                description="The recording: CSV with a time column (ISO 8601 or unix time), each "
                "other column is a metric.",
                max_length=MAX_CSV,
            ),
        ] = "",
        file: Annotated[
            str,
            Field(
                description="Instead of csv: a recording below the folder of --data-root.",
                max_length=1000,
            ),
        ] = "",
        days: Annotated[
            int,
            Field(
                description="Instead of csv: so many last days of the service's own queries, asked "
                "of the Prometheus of --source-url.",
                ge=0,
                le=MAX_DAYS,
            ),
        ] = 0,
        manifest: Annotated[
            str,
            Field(
                description="AnomalyService in YAML or JSON whose metrics, settings and thresholds "
                "are used, with its SLOPolicies; empty: that of the cluster called `service`, and "
                "without a name default settings.",
                max_length=MAX_LETTERS,
            ),
        ] = "",
        service: Annotated[
            str,
            Field(
                description="Name of the AnomalyService, in the manifest or in the cluster.",
                max_length=320,
            ),
        ] = "",
        namespace: Namespace = "",
        warmup: Annotated[
            str,
            Field(
                description="Rows or time to learn from before the first score; empty: a quarter "
                "of the rows, at most 30d.",
                max_length=20,
            ),
        ] = "",
        refit: Annotated[
            str, Field(description="Time between trainings, or never.", max_length=20)
        ] = "1d",
        step: Annotated[
            str,
            Field(
                description="Length of a window, 15s to 1h; empty: the median distance of two "
                "rows.",
                max_length=20,
            ),
        ] = "",
        time_zone: Annotated[
            str,
            Field(description="Zone of times that name none, such as UTC.", max_length=60),
        ] = "",
        time_column: Annotated[
            str, Field(description="Column with the times.", max_length=200)
        ] = "",
        labels: Annotated[
            str,
            Field(
                description="Column of 0 and 1 to compare the results with; no detector reads it.",
                max_length=200,
            ),
        ] = "",
        decimal: Annotated[
            Literal["", "point", "comma"],
            Field(description="What stands before the decimals; empty: what the numbers prove."),
        ] = "",
        gate: Annotated[
            bool,
            Field(description="Use a model only if it passed its checks, as the operator does."),
        ] = False,
    ) -> Annotated[CallToolResult, answers.Trial]:
        """Replay a recording as the product would have judged it: incidents, scores, expected false
        incidents. It changes nothing and takes seconds to minutes; one runs at a time."""
        asked = Asked(csv, file, days, manifest, service, namespace)
        given = argparse.Namespace(
            step=step or None,
            refit=refit,
            time_zone=time_zone or None,
            warmup=warmup or None,
            labels=labels or None,
            gate=gate,
            no_header=False,
            time_column=time_column or None,
            decimal=decimal or None,
            settings=self._options.settings,
        )
        return await self._calls.trial(partial(self._tried, asked, given), context)

    def _tried(self, asked: Asked, given: argparse.Namespace, step: Step) -> answers.Told:
        options = replay_options(given)
        one = self._prepared(asked, options)
        outcome = backtest.run(
            one.recording, one.plan, one.warmup, options.refit, step, gated=options.gated
        )
        said = summary(one.recording, outcome)
        rows = [cells(line, several=False) for line in said.incidents[:MAX_ITEMS]]
        lines = [
            *(f"warning: {warning}" for warning in one.recording.warnings),
            *said.head,
            *(["incidents:", *console.aligned(heads(several=False), rows)] if rows else []),
            *said.tail,
        ]
        document = answers.Trial.model_validate(json_report(one.recording, outcome))
        return answers.Told(in_arguments("\n".join(lines)), document)

    def _prepared(self, asked: Asked, options: ReplayOptions) -> Prepared:
        ways = [
            name
            for name, value in (("csv", asked.csv), ("file", asked.file), ("days", asked.days))
            if value
        ]
        if len(ways) != 1:
            named = " and ".join(ways) or "nothing"
            raise ArgumentError(f"the call names {named} as recording; give one of csv, file, days")
        service = self._service(asked)
        if asked.days:
            return self._queried(asked, service, options)
        return prepared(service, self._read(asked, service, options), options)

    def _read(self, asked: Asked, service: ServiceFile, options: ReplayOptions) -> Recording:
        path, found = CSV, asked.csv.encode()
        if asked.file:
            path, found = content(self._options.data_root, asked.file)
        reading = options.reading_of(service.time_zone)
        return read_content(found, path, options.step, options.labels, reading)

    def _queried(self, asked: Asked, service: ServiceFile, options: ReplayOptions) -> Prepared:
        url = self._options.source_url
        if not url:
            raise ArgumentError(
                "no Prometheus is asked: the server was started without --source-url; pass the "
                "recording as csv"
            )
        if service.path is None:
            raise ArgumentError("days needs a manifest, or the name of a service in the cluster")
        meta, spec = service.meta, service.spec
        recording = recorded(url, asked.days, spec, meta.namespace, meta.name)
        # With the metrics in the spec, so that those of a preset keep their roles.
        metrics = metrics_at(url, spec, meta.namespace, meta.name)
        service = replace(service, spec=replace(spec, metrics=metrics))
        return prepared(service, recording, options)

    def _service(self, asked: Asked) -> ServiceFile:
        if asked.manifest:
            return chosen(read_manifest(asked.manifest), asked.service or None)
        if asked.service:
            return chosen(self._stored(asked), bare(asked.service))
        return without_file()

    def _stored(self, asked: Asked) -> Objects:
        with self._options.cluster(asked.namespace) as cluster:
            found = [cluster.get(SERVICE, bare(asked.service)), *cluster.list(POLICY)]
        return collected((CLUSTER,), [(CLUSTER, one) for one in found])
