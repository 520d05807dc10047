"""One namespace of a cluster with what a user applies to it, and what they look at afterwards."""

from __future__ import annotations

import calendar
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml
from cronsim import CronSim

from anomaly_operator.api import names
from anomaly_operator.api.durations import parse_seconds
from anomaly_operator.spec.schedule import inference_cron
from anomaly_sandbox.audit import AuditLog, Request
from anomaly_sandbox.cluster import Sandbox, SandboxError
from anomaly_sandbox.local_operator import LocalOperator
from watched.recordings import STEP
from watched.stored import whole_status

CRDS = Path(__file__).parents[2] / "crds"

T = TypeVar("T")
Json = dict[str, Any]

NEVER = "0 0 29 2 *"
"""A training schedule that comes into no test: the default one, daily at 02:00, has any service of
a run at that time train once more.
"""

METRICS = [
    {
        "name": "request_rate",
        "role": "Traffic",
        "query": "request_rate",
        "unit": "RequestsPerSecond",
    },
    {
        "name": "application_latency",
        "role": "Latency",
        "query": "application_latency",
        "unit": "Milliseconds",
    },
    {"name": "error_rate", "role": "Errors", "query": "error_rate", "unit": "Ratio"},
]
SERVICE: Json = {
    "source": {"name": "files"},
    "parameters": {"file": "calm.csv"},
    "step": f"{STEP}s",
    "metrics": METRICS,
    "training": {
        "schedule": NEVER,
        "lookback": "4h",
        "spread": "0s",
        "minSamples": {"univariate": 100, "multivariate": 200},
    },
    "inference": {"interval": "1m"},
    "incidents": {"confirmationCycles": 2, "resolutionGraceCycles": 2, "separation": "30m"},
}
"""Trains within seconds on the recording `calm.csv` of the source `files`."""
SELDOM: Json = {
    "inference": {"interval": "15m"},
    "incidents": {**SERVICE["incidents"], "separation": "2h"},
}
"""For a `SERVICE` that is scored by hand: its own CronJob hardly ever comes into a test."""
QUIET_SECONDS = 540
POLICY: Json = {
    "thresholds": {
        "latency": {"acceptable": "300ms", "warning": "500ms", "critical": "800ms"},
        "errorRate": {"acceptable": "1%", "warning": "5%", "critical": "10%"},
    }
}
FILES: Json = {"type": "CSV", "configMap": "metrics-files", "delay": "0s"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition as it stands; all empty while there is none."""

    status: str = ""
    reason: str = ""
    message: str = ""


def manifest(kind: str, name: str, spec: Json, labels: Mapping[str, str] | None = None) -> Json:
    meta: Json = {"name": name}
    if labels:
        meta["labels"] = dict(labels)
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


class Watched:
    """The namespace `name` of `cluster`."""

    def __init__(self, cluster: Sandbox, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def files(self, **files: str) -> None:
        """The ConfigMap of the CSV source, `calm=...` as `calm.csv`."""
        data = {f"{name}.csv": text for name, text in files.items()}
        body = {"metadata": {"name": "metrics-files"}, "data": data}
        self.cluster.api.create("configmaps", body, self.name)

    def apply(self, *manifests: Json) -> None:
        self.cluster.apply(manifests, namespace=self.name)

    def service(self, name: str, **changes: Any) -> None:
        """Apply `SERVICE` with `changes` of its fields."""
        self.apply(manifest("AnomalyService", name, {**SERVICE, **changes}))

    def quiet_service(self, name: str, **changes: Any) -> None:
        """The same with `SELDOM`, so that its CronJob does not come for `QUIET_SECONDS`. The minute
        goes by the uid, so one with another uid is taken; no operator may watch yet.
        """
        soon = True
        while soon:
            self.cluster.api.delete("asvc", name, self.name)
            self.service(name, **SELDOM, **changes)
            spec, uid = self.get(name)["spec"], self.get(name)["metadata"]["uid"]
            interval = int(parse_seconds(spec["inference"]["interval"]))
            now = datetime.now(UTC)
            first = next(CronSim(inference_cron(interval, uid), now))
            soon = (first - now).total_seconds() < QUIET_SECONDS

    def patch(self, name: str, spec: Json) -> None:
        self.cluster.api.patch("asvc", name, self.name, {"spec": spec})

    def get(self, name: str) -> Json:
        return self.cluster.get("asvc", name, self.name) or {}

    def status(self, name: str) -> Json:
        """As the operator reads it, with what its records hold."""
        return whole_status(self.get(name))

    def condition(self, name: str, kind: str) -> Seen:
        return condition(self.status(name), kind)

    def revision(self, name: str) -> str:
        return str(self.status(name).get("model", {}).get("revision", ""))

    def scored_through(self, name: str) -> str:
        return str(self.status(name).get("detection", {}).get("scoredThrough", ""))

    def anomalies(self, service: str) -> list[Json]:
        found = self.cluster.list("anomalies", self.name)
        return [one for one in found if one["spec"]["serviceRef"]["name"] == service]

    def trainings(self, service: str) -> list[Json]:
        """The training Jobs of the service that lives now, oldest first."""
        uid = self.get(service)["metadata"]["uid"]
        labels = f"{names.LABEL_WATCHED}=true,{names.LABEL_SERVICE_UID}={uid}"
        found = self.cluster.list("jobs", self.name, labels=labels)
        return sorted(found, key=lambda job: job["metadata"]["creationTimestamp"])

    def run(self, service: str) -> str:
        """Start a scoring run now; the Job's name.

        As `kubectl create job --from` does, but the service owns the Job: what the CronJob owns it
        tidies away by its history limit, be it looked for or not.
        """
        cron_job = self.cluster.get(
            "cronjobs", self.status(service)["references"]["inferenceCronJob"], self.name
        )
        assert cron_job is not None
        template = cron_job["spec"]["jobTemplate"]
        job = f"now-{secrets.token_hex(4)}"
        meta = {
            "name": job,
            "labels": template["metadata"]["labels"],
            "ownerReferences": cron_job["metadata"]["ownerReferences"],
        }
        self.cluster.api.create("jobs", {"metadata": meta, "spec": template["spec"]}, self.name)
        return job

    def score(self, *services: str) -> None:
        """Run once for each of `services`, at the same time, and wait for success."""
        for job in [self.run(service) for service in services]:
            self.wait(lambda job=job: self._succeeded(job), 120, f"Job {job} succeeds")

    def settle(self, *services: str) -> None:
        """Have the first detection behind them: a later run in which all is normal writes nothing
        more, whenever their CronJobs come.
        """
        self.score(*services)
        for service in services:
            self.await_condition(service, "Detecting", "Detecting")

    def score_news(self, service: str) -> None:
        """Wait for a window that was not scored yet, and score it; for sources without delay."""
        through = self.scored_through(service)
        if through:
            next_window(through)
        self.score(service)

    def open_incident(self, service: str) -> None:
        """Score a service in lasting trouble until that is an incident. One run does it, but where
        the service's own CronJob was faster and left it too few windows.
        """
        self.score(service)
        self.await_condition(service, "Detecting", "Detecting")
        while not self.status(service)["incidents"]["open"]:
            self.score_news(service)
        self.wait(lambda: self.anomalies(service), what=f"an incident of {service}")

    def replace_file(self, name: str, text: str) -> None:
        """Another content of a file of the CSV source."""
        body = {"data": {f"{name}.csv": text}}
        self.cluster.api.patch("configmaps", "metrics-files", self.name, body)

    def end(self, job: str) -> None:
        """Delete a Job whose further tries would disturb what comes next."""
        self.cluster.api.delete("jobs", job, self.name)
        self.wait(lambda: not self._pods_of(job), what=f"the pods of {job} are gone")

    def await_condition(
        self, service: str, kind: str, reason: str, seconds: float = 120, words: Sequence[str] = ()
    ) -> Seen:
        """The condition once it has the reason and all of `words` in its message."""

        def there() -> Seen | None:
            found = self.condition(service, kind)
            told = all(part in found.message for part in words)
            return found if told and found.reason == reason else None

        return self.wait(there, seconds, f"{kind} of {service} says {reason} {list(words)}")

    def wait(self, ready: Callable[[], T | None], seconds: float = 90, what: str = "") -> T:
        """As the sandbox waits, with the state of the namespace in the error."""
        try:
            return self.cluster.wait_for(ready, seconds, what)
        except SandboxError as error:
            shown = self.cluster.kubectl(
                "get", "asvc,slop,anom,jobs,cronjobs,pods", "-n", self.name, "-o", "wide"
            )
            raise AssertionError(f"{error}\n{shown.stdout}") from error

    def serves(self, service: str) -> bool:
        """Whether its scoring CronJob is named; before its first status nothing is."""
        return bool(self.status(service).get("references", {}).get("inferenceCronJob"))

    def _succeeded(self, job: str) -> bool:
        found = self.cluster.get("jobs", job, self.name) or {}
        return bool(found.get("status", {}).get("succeeded"))

    def _pods_of(self, job: str) -> list[Json]:
        return self.cluster.list("pods", self.name, labels=f"batch.kubernetes.io/job-name={job}")


def condition(status: Json, kind: str) -> Seen:
    for one in status.get("conditions", ()):
        if one["type"] == kind:
            return Seen(one["status"], one["reason"], one["message"])
    return Seen()


def operator_writes(log: AuditLog, namespace: str) -> list[Request]:
    """What the operator wrote into a namespace, Events aside."""
    found = log.requests(namespace=namespace, writes=True)
    return [
        item
        for item in found
        if item.user_agent == names.MANAGED_BY and item.resource not in {"events", "leases"}
    ]


def reconciles(operator: LocalOperator) -> float:
    """How often the operator has looked at a service so far."""
    return sum(
        value
        for series, value in operator.metrics().items()
        if series.startswith("anomaly_operator_reconciles_total") and "AnomalyService" in series
    )


@contextmanager
def running_operator(
    cluster: Sandbox, folder: Path, namespaces: list[str], settings: Json
) -> Iterator[LocalOperator]:
    """An operator that watches `namespaces`, without an election."""
    whole = {
        "watch": {"inactivity": "5s", "serverTimeout": "10s", "relist": "60s"},
        "watchNamespaces": namespaces,
        **settings,
    }
    text = yaml.safe_dump(whole)
    with LocalOperator(folder, cluster.kubeconfig, text, "--no-leader-elect") as operator:
        yield operator.wait_until_leading()


def unix(moment: str) -> int:
    """Seconds of an ISO 8601 time in UTC, as the API has them."""
    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


def next_window(after: str, delay: int = 0) -> None:
    """Return when a window later than `after` is complete for a source with `delay` seconds. Only
    time brings one.
    """
    while (left := unix(after) + STEP + delay - time.time()) > 0:
        time.sleep(left)


@contextmanager
def namespace(cluster: Sandbox, prefix: str) -> Iterator[Watched]:
    """A fresh namespace that is deleted in the end."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    cluster.api.create("namespaces", {"metadata": {"name": name}})
    cluster.wait_for(lambda: cluster.get("serviceaccounts", "default", name), 90)
    yield Watched(cluster, name)
    cluster.api.delete("namespaces", name)


def with_crds(cluster: Sandbox) -> Sandbox:
    """The control plane, serving our kinds."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS), check=True)
    wait = ("--for=condition=Established", "--timeout=90s")
    cluster.kubectl("wait", *wait, "-f", str(CRDS), check=True)
    # Established comes before they are served.
    served = ("get", "asvc,slop,anom", "-n", "default")
    cluster.wait_for(lambda: cluster.kubectl(*served).returncode == 0, 90, "our kinds are served")
    return cluster
