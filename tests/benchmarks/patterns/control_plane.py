"""The table on a real control plane: Prometheus with the recordings, one AnomalyService for each
of its entries, real trainings and scoring runs, and what the API server says afterwards.

Time passes by the `delay` of the source: with an hour of it the models are trained on the history,
however long that takes, as the story is recorded only then; without it one scoring run of each
service judges all windows of the story.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cronsim import CronSim

from anomaly_operator.api import names
from anomaly_operator.incidents.state import Resolution
from anomaly_operator.incidents.transitions import TransitionKind
from anomaly_operator.spec.schedule import inference_cron
from anomaly_sandbox import remote_write
from benchmarks.patterns.row_found import Found
from benchmarks.patterns.shop_data import HISTORY, STEP, STORY, Recorded, recorded
from benchmarks.patterns.shop_faults import POLICIES
from benchmarks.patterns.shop_row import Row, Watch
from benchmarks.patterns.shop_spec import SOURCE, Json, columns, service_spec
from watched.namespace import Watched, manifest, running_operator, unix

HOUR = 3600
"""The longest delay that a source may have."""
QUIET_SECONDS = 1500
"""Before the CronJob of a service that is scored by hand comes by itself."""
TRAINING_SECONDS = 1800.0


def play(
    watched: Watched, prometheus: str, folder: Path, table: tuple[Watch, ...]
) -> tuple[Found, ...]:
    """The whole story; what the API server says of each row in the end."""
    stage = Stage(watched, prometheus, folder, table)
    stage.record(slice(None, HISTORY))
    stage.record(slice(HISTORY, None), soon=True)
    stage.apply()
    with stage.operator(HOUR):
        stage.train()
    stage.record(slice(HISTORY, None))
    delay = int(time.time()) - stage.end
    with stage.operator(delay):
        stage.score(delay)
        before = stage.found()
        stage.judge(before)
        after = {one.anomaly: one for one in stage.found() if one.anomaly}
    # What the model said is gone with a status that was lost.
    return tuple(
        replace(after[one.anomaly], model=one.model) if one.anomaly else one for one in before
    )


@dataclass
class Stage:
    """One namespace in which the table is played."""

    watched: Watched
    prometheus: str
    folder: Path
    table: tuple[Watch, ...]
    end: int = field(default_factory=lambda: int(time.time()) // STEP * STEP)
    """Of the story's last window, unix seconds."""

    def record(self, part: slice, soon: bool = False) -> None:
        """Write these windows. The story of a service that its own CronJob scores is needed `soon`,
        as soon as it has a model."""
        for watch, found in self._recordings:
            if part.start and soon != ("inference" in watch.spec):
                continue
            remote_write.write(self.prometheus, self._series(watch, found, part))

    @cached_property
    def _recordings(self) -> list[tuple[Watch, Recorded]]:
        return [(one, recorded(one.shop, one.service, one.changes)) for one in self.table]

    def apply(self) -> None:
        """Policies and services; no operator may watch yet."""
        policies = sorted({watch.policy for watch in self.table} - {""})
        self.watched.apply(*(manifest("SLOPolicy", one, POLICIES[one]) for one in policies))
        for watch in self.table:
            self._apply_quiet(watch)

    @contextmanager
    def operator(self, delay: int) -> Iterator[None]:
        source = {"url": self.prometheus, "allowLoopback": True, "delay": f"{delay}s"}
        settings = {"sources": {SOURCE: source}, "training": {"maxConcurrent": 3}}
        folder = self.folder / f"operator-{delay}"
        with running_operator(self.watched.cluster, folder, [self.watched.name], settings):
            yield

    def train(self) -> None:
        def missing() -> list[str]:
            return [one.name for one in self.table if not self.watched.revision(one.name)]

        def unscored() -> list[str]:
            by_itself = (one.name for one in self.table if "inference" in one.spec)
            found = {name: self.watched.status(name).get("detection", {}) for name in by_itself}
            return [name for name, detection in found.items() if "scoredThrough" not in detection]

        self.watched.wait(lambda: not missing(), TRAINING_SECONDS, "every service is trained")
        # A first run takes one interval, so a CronJob of its own has to begin before the story.
        self.watched.wait(
            lambda: not unscored(), what="services with an interval of their own are scored"
        )

    def score(self, delay: int) -> None:
        """One run for each service, wave by wave, with the data of the whole story."""
        for watch in self.table:
            self.watched.wait(
                lambda one=watch: self._told(one.name, delay), what=f"{watch.name} has {delay}s"
            )
        for wave in sorted({watch.wave for watch in self.table}):
            part = [watch for watch in self.table if watch.wave == wave]
            for watch in part:
                self._await_dependencies(watch)
            self.watched.score(*(watch.name for watch in part))
            for watch in part:
                self.watched.wait(
                    lambda one=watch: self._folded(one.name), what=f"{watch.name} is folded"
                )

    def found(self) -> list[Found]:
        """All rows as they stand, and each incident that no row speaks of."""
        return [one for watch in self.table for one in self._of(watch)]

    def judge(self, before: Iterable[Found]) -> None:
        """People say what the rows expect of them, and the status of a service is lost."""
        for one in before:
            if one.row.feedback and one.row.resolution and one.anomaly:
                verdict = {"feedback": {"verdict": one.row.resolution.value}}
                self.watched.cluster.api.patch(
                    "anomalies", one.anomaly, self.watched.name, {"spec": verdict}
                )
            if one.row.resolution is Resolution.LOST and one.anomaly:
                self.watched.cluster.kubectl(
                    *("patch", "asvc", one.watch, "-n", self.watched.name, "--type=json"),
                    *("--subresource=status", "-p", '[{"op": "remove", "path": "/status"}]'),
                    check=True,
                )
        waiting = {
            one.anomaly
            for one in before
            if one.anomaly and (one.row.feedback or one.row.resolution is Resolution.LOST)
        }

        def closed() -> bool:
            states = {
                one["metadata"]["name"]: one["status"]["state"]
                for one in self.watched.cluster.list("anomalies", self.watched.name)
            }
            return all(states[name] == "Closed" for name in waiting)

        self.watched.wait(closed, what=f"{sorted(waiting)} are closed")
        told = {one.watch: one.anomaly for one in before if one.row.feedback and one.anomaly}
        for service, anomaly in told.items():
            self.watched.wait(
                lambda service=service, anomaly=anomaly: (
                    TransitionKind.CLOSED in self._events(service)[anomaly]
                ),
                what=f"an Event tells that {anomaly} closed",
            )

    def _series(
        self, watch: Watch, found: Recorded, part: slice
    ) -> Iterator[tuple[Mapping[str, str], list[int], list[float]]]:
        times = ((found.offsets[part] + self.end) * 1000).tolist()
        for column in columns(watch):
            labels = {"__name__": f"shop_{column}", "service": watch.name}
            yield labels, times, found.columns[column][part].tolist()
        if watch.policy and "objectives" in POLICIES[watch.policy]:
            for what, counter in (("requests", found.total), ("failed", found.failed)):
                labels = {"__name__": f"shop_{what}_total", "service": watch.name}
                yield labels, times, counter[part].tolist()

    def _apply_quiet(self, watch: Watch) -> None:
        """The minute of the CronJob goes by the uid, so one with another uid is taken if it would
        come too soon; a service with an interval of its own is scored by its CronJob, too."""
        spec = service_spec(watch)
        interval = spec["inference"]["interval"]
        soon = True
        while soon:
            self.watched.cluster.api.delete("asvc", watch.name, self.watched.name)
            self.watched.apply(manifest("AnomalyService", watch.name, spec))
            if interval != "1h":
                return
            uid = self.watched.get(watch.name)["metadata"]["uid"]
            now = datetime.now(UTC)
            first = next(CronSim(inference_cron(HOUR, uid), now))
            soon = (first - now).total_seconds() < QUIET_SECONDS

    def _told(self, name: str, delay: int) -> bool:
        """The pods of the service are told of the delay."""
        references = self.watched.status(name)["references"]
        config, space = references["config"], self.watched.name
        found = self.watched.cluster.get("configmaps", config, space) or {}
        cron_job = self.watched.cluster.get("cronjobs", references["inferenceCronJob"], space)
        in_use = (cron_job or {})["metadata"]["annotations"][names.ANNOTATION_CONFIG]
        seconds = json.loads(found["data"]["run.json"])["source"]["delaySeconds"]
        return bool(seconds == delay and in_use == config)

    def _await_dependencies(self, watch: Watch) -> None:
        """The operator has told the service how those stand that it depends on."""
        for one in watch.depends_on:
            active = bool(self.watched.status(one)["incidents"]["open"])

            def told(name: str = one, active: bool = active) -> bool:
                said = self.watched.status(watch.name).get("dependencies", {})
                unhealthy = {item["name"] for item in said.get("unhealthy", ())}
                return bool(said.get("known")) and (name in unhealthy) == active

            self.watched.wait(told, what=f"{watch.name} is told of {one}")

    def _folded(self, name: str) -> bool:
        """All anomalous windows are folded, and each object says what the status knows."""
        status = self.watched.status(name)
        anomalous = _anomalous(status)
        incidents = status.get("incidents", {})
        if anomalous and unix(incidents.get("foldedThrough", _NEVER)) < max(anomalous):
            return False
        states = {
            one["metadata"]["name"]: one.get("status", {}).get("state")
            for one in self.watched.anomalies(name)
        }
        tracked = [one for one in incidents.get("tracked", ()) if one.get("anomaly")]
        return all(states.get(one["anomaly"]) == one["state"] for one in tracked)

    def _of(self, watch: Watch) -> Iterator[Found]:
        status = self.watched.status(watch.name)
        left = {one["metadata"]["name"]: one for one in self.watched.anomalies(watch.name)}
        events = self._events(watch.name)
        models = {
            one.get("anomaly"): one.get("modelSeverity", "")
            for one in status.get("incidents", {}).get("tracked", ())
        }
        suspected = [self._window(at) for at in _anomalous(status)]
        for row in watch.rows:
            name = next(
                (name for name, one in left.items() if self._within(one, row)),
                "",
            )
            count = sum(row.first <= window <= row.last for window in suspected)
            if not name:
                yield Found(watch.name, row, suspicions=count)
                continue
            yield self._seen(watch, row, left.pop(name), models.get(name, ""), events[name])
        for name, one in left.items():
            nothing = Row("nothing", 0, 0, "")
            yield self._seen(watch, nothing, one, models.get(name, ""), events[name])

    def _within(self, anomaly: Json, row: Row) -> bool:
        return row.first <= self._window(unix(anomaly["spec"]["firstSeen"])) <= row.last

    def _seen(
        self, watch: Watch, row: Row, anomaly: Json, model: str, actions: frozenset[str]
    ) -> Found:
        status = anomaly["status"]
        return Found(
            watch.name,
            row,
            anomaly["metadata"]["name"],
            self._window(unix(anomaly["spec"]["firstSeen"])),
            status["pattern"],
            tuple(one["name"] for one in status["patterns"]),
            status.get("slo", {}).get("status", "Unknown"),
            status["severity"],
            model,
            actions,
            status.get("resolution", {}).get("reason", ""),
        )

    def _window(self, at: int) -> int:
        return STORY - (self.end - at) // STEP

    def _events(self, service: str) -> Mapping[str, frozenset[str]]:
        """The transitions that the service's Events tell of, by Anomaly."""
        told: dict[str, set[str]] = {
            one["metadata"]["name"]: set() for one in self.watched.anomalies(service)
        }
        for event in self.watched.cluster.list("events", self.watched.name):
            about = event["involvedObject"]
            kind = event["reason"].removeprefix("Anomaly")
            if about["kind"] != "AnomalyService" or about["name"] != service:
                continue
            for name, kinds in told.items():
                if kind in set(TransitionKind) and f"Anomaly {name} " in event["message"]:
                    kinds.add(kind)
        return {name: frozenset(kinds) for name, kinds in told.items()}


_NEVER = "1970-01-01T00:00:00Z"


def _anomalous(status: Json) -> list[int]:
    """Ends of the anomalous windows, unix seconds."""
    windows = status.get("detection", {}).get("windows", ())
    return [unix(one["end"]) for one in windows if one["verdict"] == "Anomalous"]
