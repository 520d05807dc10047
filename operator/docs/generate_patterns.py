"""Writes patterns.md from the catalogue, so that the page always says what findings say.

python operator/docs/generate_patterns.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anomaly_cli.patterns import conditions
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.patterns.wording import WHO

PAGE = Path(__file__).with_name("patterns.md")

INTRODUCTION = """\
# Patterns

Generated from `detector_runtime/patterns/catalogue.py` by `operator/docs/generate_patterns.py`;
do not edit.

A pattern gives a finding its name, one sentence, its impact and the recommended actions.
Detection comes first: a pattern names a window that is anomalous or breaches the SLO, and never
makes one so. What no pattern explains is called `metric_<name>`, and a breach that the model
finds usual is called `slo_breach`.

## How a window gets its name

1. Each metric has a level, compared with its own values at the same hour of the week:

   | Level | Percentile of its values |
   | --- | --- |
   | `VeryLow` | below the 5th |
   | `Low` | below the 10th |
   | `Normal` | up to the 70th |
   | `Moderate` | up to the 80th |
   | `Elevated` | up to the 90th |
   | `High` | up to the 95th |
   | `VeryHigh` | above the 95th |

   Usual values are `Normal`, `Moderate` or `Elevated`. A value is low or high only where it is
   also well away from the middle of its values. Low values of Errors, DependencyLatency and
   DatabaseLatency are good and count as `Normal`. A missing value meets no condition.
2. The level is that of the median of the last three windows of the deviation, and it changes only
   when the value has clearly passed a border. One window changes no name, with one exception: where
   errors are high in any case, a window in which more than 20 % of requests fail is `VeryHigh`.
3. The patterns are tried in the order below, those of the service first. A pattern matches when
   all of its conditions hold. Of several metrics with one role, one at a level outside `Normal`
   is enough; `Normal` applies to all of them.
4. A window has up to four findings, the most severe first. Each lists the metrics that it
   explains (`explains`). Metrics that no pattern explains are a finding of their own.
5. The pattern of the window that confirms an incident is its opening pattern. `status.pattern` of
   an Anomaly is that of the worst window so far.

## Severity

The severity is the model's, which keeps the tolerated rate of false incidents. A pattern only
lowers it: the column Severity below is the highest that it allows ("always": exactly that). A
pattern that does not alert allows at most Low. From Medium on, a harmful value that has clearly
left its usual range raises the severity: more than 2 % of requests fail (High) or more than 5 %
(Critical), requests take longer than 1 s (High) or 2 s (Critical), traffic is below 30 % of its
usual rate (High). The SLOPolicy has the last word.

## Your own patterns

`spec.patterns` of an AnomalyService adds up to 16 patterns, or replaces those of the same name.
`kubectl explain asvc.spec.patterns` describes each field.

```yaml
spec:
  patterns:
  - name: queue_backlog
    severity: High
    when:
    - {metric: queue_length, level: [High, VeryHigh]}
    - {role: Traffic, level: [Normal, Moderate, Elevated]}
    ratios:
    - {metric: queue_length, of: {metric: workers}, above: "20"}
    message: "The queue holds {queue_length}, usually {queue_length.usual} {when}"
    impact: "{who} wait for their orders"
    actions:
    - Add workers
    - Look for a job that hangs
  nonAlertingPatterns: [request_rate_surge_degrading]
```

- A pattern that could never name a window is refused with the reason: an unknown metric or a role
  that no metric has, levels that contradict one another, a level that a metric never has, normal
  levels alone.
- `nonAlertingPatterns` lists patterns, built-in ones included, that notify nobody for this
  service. A name that no pattern has silences nothing and is reported by the condition
  `PatternsResolved`; detection continues.
- Patterns change no model: the next scoring run uses them.

The administrator writes patterns for all services, at most 32, in `settings.patterns` of the
chart, in the same form. A service's own pattern replaces the administrator's of the same name. In
a service without the metrics that it names, such a pattern matches nothing.

To try patterns on a recording before you apply them:

```
kubectl-anomaly patterns list -f service.yaml
kubectl-anomaly patterns show database_latency_bottleneck
kubectl-anomaly patterns test -f service.yaml --data metrics.csv --settings settings.yaml
```

`patterns test` prints which patterns would have named which windows, and for each other pattern
the window that came closest, the conditions that failed and by how much. `--settings` names the
operator's settings file, whose patterns hold too
([how to get it](backtest.md#settings-of-the-operator)).

## Patterns about dependencies

`upstream_cascade`, `dependency_chain_degradation` and `internal_latency_issue` also look at the
services that this one depends on (`spec.dependsOn`), directly or through others, up to five
steps. The operator writes to `status.dependencies` how many of them are judged (`known`) and
which have an active incident of severity Medium or higher (`unhealthy`, at most eight, the
nearest first). The next scoring run reads it. As long as none of them is judged, such a pattern
matches nothing.

## Texts

| Placeholder | Meaning |
| --- | --- |
| `{traffic}`, `{latency}`, `{errors}` | Value of the metric with that role |
| `{dependency}`, `{database}`, `{saturation}` | The same for the other roles |
| `{NAME}` | Value of the metric NAME |
| `{NAME.usual}`, `{latency.usual}` | Usual range of the metric at this hour of the week |
| `{NAME.times}`, `{latency.times}` | How many times its usual value it is; unknown below 1.1 |
| `{ratio}` | The pattern's first ratio, in percent |
| `{dependencies}` | Up to three anomalous services that this one depends on |
| `{who}` | Those affected, by `spec.category` |
| `{when}` | Period of the week; nothing where one period is the whole week |

A clause, up to a semicolon or a colon, is left out where one of its values is unknown; so is an
action.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, "\n".join(_people()), "\n".join(_overview()), "## Built-in patterns", ""]
    return "\n".join([*parts, *("\n".join(_section(spec)) for spec in CATALOGUE)])


def _people() -> Iterator[str]:
    yield "| Category | `{who}` |"
    yield "| --- | --- |"
    yield from (f"| {category} | {who} |" for category, who in WHO.items())
    yield ""


def _overview() -> Iterator[str]:
    yield "## All patterns"
    yield ""
    yield "In the order in which they are tried."
    yield ""
    yield "| Pattern | Severity | Alerts |"
    yield "| --- | --- | --- |"
    for spec in CATALOGUE:
        yield f"| [`{spec.name}`](#{spec.name}) | {_severity(spec)} | {_alerts(spec)} |"
    yield ""


def _section(spec: PatternSpec) -> Iterator[str]:
    yield f"### {spec.name}"
    yield ""
    yield f"Severity {_severity(spec)}" + ("." if spec.alerting else "; notifies nobody.")
    yield ""
    yield "Conditions:"
    yield ""
    yield from (f"- {condition}" for condition in conditions(spec))
    yield ""
    yield f"Message: {spec.message}."
    yield ""
    yield f"Impact: {spec.impact}."
    yield ""
    yield "Actions:"
    yield ""
    yield from (f"{number}. {action}" for number, action in enumerate(spec.actions, 1))
    yield ""


def _severity(spec: PatternSpec) -> str:
    return f"always {spec.severity}" if spec.locked else f"up to {spec.severity}"


def _alerts(spec: PatternSpec) -> str:
    return "yes" if spec.alerting else "no"


if __name__ == "__main__":
    PAGE.write_text(page())
