"""A level that moves for good, played with the operator's machines and the real fit.

The clock is simulated: every six hours windows are scored, and what is due trained. What is
asked for: an incident ends a few days after the shift at the latest, whatever the schedule, and
with feedback at once; and no training fails because the new level is young.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anomaly_operator.api.text import to_text, unix_seconds
from detector_runtime.commands.score_windows import score_windows
from detector_runtime.commands.span import (
    joined,
    newest_complete,
    run_status,
    scored_through,
    to_score,
)
from detector_runtime.commands.train import train
from detector_runtime.contract.codec import decode, encode, loads
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.series.frame import Frame
from detector_runtime.sources.fetched import Fetched
from pretend.cluster import Cluster

HOUR, DAY = 3600, 86_400
BEGIN = 1_794_960_000
SHIFT = BEGIN + 16 * DAY
CONFIG = "anomaly-operator.dev/config"
SPEC: dict[str, Any] = {
    "step": "1h",
    "metrics": [{"name": "memory", "role": "Saturation", "query": "memory", "unit": "Bytes"}],
    "inference": {"interval": "6h"},
    "incidents": {"separation": "25h", "reopenWithin": "6h"},
}


class Memory:
    """About 1,000 with a daily wave, 30 % more from SHIFT on; nothing before BEGIN."""

    def fetch(self, start: int, end: int) -> Fetched:
        times = np.arange(start // HOUR * HOUR + HOUR, end + 1, HOUR, dtype=np.int64)
        hours = (times - BEGIN) // HOUR
        noise = np.random.default_rng(3).normal(0, 12, 2000)[np.clip(hours, 0, 1999)]
        values = 1000 + 30 * np.sin(2 * np.pi * times / DAY) + noise
        values *= np.where(times > SHIFT, 1.3, 1.0)
        values[times <= BEGIN] = np.nan
        return Fetched(Frame(times, values[:, None], ("memory",), HOUR))


@dataclass
class Play:
    """`incidents`: seconds from the shift at which one opened and closed, by name. `failed`: what
    trainings failed with."""

    folder: Path
    schedule: str
    mark_after: int = 0
    incidents: dict[str, list[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    served: set[str] = field(default_factory=set)

    def run(self, until: int) -> Play:
        cluster = Cluster(now=SHIFT - DAY)
        plan = {
            "schedule": self.schedule,
            "spread": "0s",
            "minSamples": {"univariate": 200, "multivariate": 400},
        }
        cluster.service(**SPEC, training=plan)
        while cluster.now < until:
            cluster.settle()
            self._train(cluster)
            self._score(cluster)
            self._look(cluster)
            cluster.now += 6 * HOUR - cluster.now % (6 * HOUR)
        return self

    def _config(self, cluster: Cluster, owner: dict[str, Any]) -> RunConfig:
        name = owner["metadata"]["annotations"][CONFIG]
        return loads(RunConfig, cluster.get("ConfigMap", name)["data"]["run.json"])

    def _train(self, cluster: Cluster) -> None:
        for job in [job for job in cluster.jobs() if "status" not in job]:
            report = train(self._config(cluster, job), Memory(), self.folder, cluster.now)
            if report.outcome is not RunOutcome.SUCCEEDED:
                self.failed.append(f"{to_text(cluster.now)}: {report.message}")
            cluster.now += 60
            cluster.end_training(report, succeeded=report.outcome is RunOutcome.SUCCEEDED)
            cluster.settle()

    def _score(self, cluster: Cluster) -> None:
        for cron_job in cluster.of_kind("CronJob"):
            config = self._config(cluster, cron_job)
            raw = cluster.status().get("detection")
            before = decode(Detection, raw) if raw else None
            end = newest_complete(cluster.now, 30, HOUR)
            span = to_score(scored_through(before), end, HOUR, config.interval_seconds)
            if span.empty:
                continue
            scored = score_windows(config, Memory, self.folder, span)
            run = run_status(before, scored.outcome, "", cluster.now)
            assert config.model is not None
            cluster.detect(**encode(joined(before, scored, config.model.revision, run)))
            cluster.settle()

    def _look(self, cluster: Cluster) -> None:
        self.served.add(cluster.status().get("model", {}).get("revision", ""))
        for one in cluster.of_kind("Anomaly"):
            name, status = one["metadata"]["name"], one["status"]
            opened = unix_seconds(status["confirmedAt"])
            if opened < SHIFT:
                continue
            over = unix_seconds(status.get("closedAt"))
            self.incidents[name] = [opened - SHIFT, (over or cluster.now) - SHIFT]
            due = self.mark_after and cluster.now >= opened + self.mark_after
            if due and "feedback" not in one["spec"] and len(self.incidents) == 1:
                said = {**one["spec"], "feedback": {"verdict": "Expected"}}
                cluster.put("Anomaly", name, spec=said)


def test_a_new_level_is_normal_a_few_days_later_though_it_trains_every_six_hours(
    tmp_path: Path,
) -> None:
    play = Play(tmp_path, "0 */6 * * *").run(SHIFT + 5 * DAY)
    opened, closed = next(iter(play.incidents.values()))
    assert opened <= 12 * HOUR
    assert 3 * DAY <= closed <= 4 * DAY + 12 * HOUR
    assert play.failed == []
    assert len(play.served) > 4


def test_an_accepted_level_ends_the_incident_at_once_and_fails_no_training(tmp_path: Path) -> None:
    play = Play(tmp_path, "0 2 * * *", mark_after=2 * HOUR).run(SHIFT + 5 * DAY)
    opened, closed = next(iter(play.incidents.values()))
    assert closed - opened <= 12 * HOUR
    assert play.failed == []
