"""The tools that write, with `--allow-writes` alone: what a person says of an incident.

They write as the caller, under the name that the API server knows them by. What somebody else has
said is never replaced from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from anomaly_cli.connection import Cluster
from anomaly_cli.mcp import answers
from anomaly_cli.mcp.calls import Calls
from anomaly_cli.mcp.options import Options
from anomaly_cli.mcp.reading import AnomalyName, Namespace
from anomaly_cli.verbs.answer import acknowledged, judgement, marked
from anomaly_cli.verbs.target import bare
from anomaly_operator.incidents.state import Verdict

Comment = Annotated[str, Field(description="What others should know.", max_length=1024)]


class Saying:
    """The tools, with how they reach the cluster."""

    def __init__(self, options: Options, calls: Calls) -> None:
        self._options, self._calls = options, calls

    async def acknowledge(
        self, name: AnomalyName, namespace: Namespace = "", comment: Comment = ""
    ) -> Annotated[CallToolResult, answers.Written]:
        """Say that the user is looking into an incident. Only when the user asks for it."""
        told = partial(acknowledged, name=bare(name), comment=comment, now=time.time())
        return await self._calls.write(partial(self._written, name, namespace, told))

    async def feedback(
        self,
        name: AnomalyName,
        verdict: Annotated[
            Verdict,
            Field(
                description="TruePositive: it was real, and training leaves its windows out. "
                "FalsePositive, Expected: the incident closes, and similar windows open none for "
                "a while."
            ),
        ],
        namespace: Namespace = "",
        comment: Comment = "",
        until: Annotated[
            str,
            Field(
                description="With FalsePositive and Expected: until when similar windows open no "
                "incident, a time or a duration such as 2h; empty: 24h; at most 90d.",
                max_length=40,
            ),
        ] = "",
    ) -> Annotated[CallToolResult, answers.Written]:
        """Say whether an incident was real. Only when the user asks for it: it may close the
        incident and decides what is learned from."""

        def told(cluster: Cluster) -> str:
            said = judgement(verdict.value, until, comment, int(time.time()))
            return marked(cluster, bare(name), said)

        return await self._calls.write(partial(self._written, name, namespace, told))

    def _written(self, name: str, namespace: str, told: Callable[[Cluster], str]) -> answers.Told:
        with self._options.cluster(namespace) as cluster:
            said = told(cluster)
            where = cluster.namespace
        return answers.Told(said, answers.Written(name=bare(name), namespace=where, said=said))
