"""What an OpenSLO SLI becomes: queries for the number of events, or for their ratio.

OpenSLO says nothing on what a query returns. One with a range or a template for it is taken over
the window; a counter without a range gets one; all else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_cli.imports import promql
from anomaly_cli.imports.manifest import Manifest, ManifestError
from anomaly_cli.imports.objective import Reading

_PROMQL_SOURCES = frozenset(
    {"prometheus", "thanos", "mimir", "cortex", "victoriametrics", "grafanamimir"}
)
_QUERY_KEYS = ("query", "promql", "expr")
_MISSES = {"lt": ">=", "lte": ">", "gt": "<=", "gte": "<"}
"""By what is asked of the value: when it is missed."""


@dataclass(frozen=True, slots=True)
class Indicators:
    """Reads the SLIs of one SLO. `slo` names it in messages; `sources`: kinds of the file's data
    sources by name.
    """

    slo: str
    sources: Mapping[str, str]
    reading: Reading

    def read(self, sli: Manifest, target: Manifest) -> dict[str, str]:
        """The queries by their name in a policy's indicator. `target`: the objective, which has the
        value that a threshold metric is compared with.
        """
        if sli.has("thresholdMetric"):
            return self._threshold(sli.child("thresholdMetric"), target)
        ratio = sli.child("ratioMetric")
        if not sli.has("ratioMetric"):
            raise ManifestError(f"{sli.path} has neither ratioMetric nor thresholdMetric")
        if ratio.has("raw"):
            return self._raw(ratio)
        counter = ratio.flag("counter", default=False)
        bad = ratio.has("bad")
        part = "bad" if bad else "good"
        return {
            "errors" if bad else "good": self._events(ratio, part, counter=counter),
            "total": self._events(ratio, "total", counter=counter),
        }

    def _threshold(self, metric: Manifest, target: Manifest) -> dict[str, str]:
        """Each sample of the value is an event, bad where it misses the objective's value."""
        operator, value = target.required("op"), target.number("value")
        if operator not in _MISSES:
            raise ManifestError(f"{target.at('op')} {operator} is none of {', '.join(_MISSES)}")
        if value is None:
            raise ManifestError(f"{target.at('value')} is missing")
        query = self._query(metric)
        if promql.WINDOW in query:
            raise ManifestError(
                f"{metric.path}: the value is compared at each sample, so its query "
                "cannot have the window as its range"
            )
        self._lose(metric.path, f"each {promql.SAMPLE} counts as one event, not each request")
        missed = f"({query}) {_MISSES[operator]} bool {value.normalize():f}"
        return {
            "errors": promql.sampled("sum_over_time", missed),
            "total": promql.sampled("count_over_time", query),
        }

    def _raw(self, ratio: Manifest) -> dict[str, str]:
        kind = ratio.required("rawType")
        if kind not in ("success", "failure"):
            raise ManifestError(f"{ratio.at('rawType')} {kind} is neither success nor failure")
        query = self._query(ratio.child("raw"))
        if promql.WINDOW not in query:
            self._lose(
                ratio.at("raw"),
                "the ratios of the window are averaged, busy minutes and quiet ones alike",
            )
            query = promql.mean_over_time(query)
        return {"errorRatio": query if kind == "failure" else f"1 - ({query})"}

    def _events(self, ratio: Manifest, part: str, *, counter: bool) -> str:
        """The query at `part` as number of events within the window."""
        where = ratio.at(part)
        query = self._query(ratio.child(part))
        if promql.WINDOW not in query:
            wide = promql.widened(query)
            if wide is not None:
                self._lose(where, "its range becomes the window of the objective")
                query = wide
            elif not counter:
                self._lose(where, f"no counter, so one value each {promql.SAMPLE} is added up")
                return promql.over_time("sum_over_time", query)
            else:
                raised = promql.increase(query)
                if raised is None:
                    raise ManifestError(
                        f"{where}: cannot tell where in the query its range belongs; write it as "
                        f"sum(increase(...[{promql.WINDOW}]))"
                    )
                return raised
        found, is_count = promql.counted(query)
        if not is_count:
            self._lose(where, promql.STILL_A_RATE)
        return found

    def _query(self, metric: Manifest) -> str:
        source = metric.child("metricSource")
        reference = source.text("metricSourceRef")
        kind = source.text("type") or self.sources.get(reference, "")
        if kind and kind.lower().replace("-", "").replace(" ", "") not in _PROMQL_SOURCES:
            raise ManifestError(
                f"{source.at('type')} {kind}: only queries in PromQL can be imported"
            )
        text = (
            source.text("spec")
            if source.is_text("spec")
            else source.child("spec").text(*_QUERY_KEYS)
        )
        if not text:
            raise ManifestError(
                f"{source.at('spec')} has no query; write it as spec.query in PromQL"
            )
        return promql.templated(text)

    def _lose(self, where: str, text: str) -> None:
        self.reading.lose(self.slo, where, text)
