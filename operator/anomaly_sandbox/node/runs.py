"""Which container runs there are, from the supervisor: it keeps them through an agent's death."""

from __future__ import annotations

from collections import defaultdict

from anomaly_sandbox.control import ProcessRecord
from anomaly_sandbox.node.lifecycle import Run

ROLE = "container"
KEPT_RUNS = 12
"""Ended runs that the back-off is computed from; older ones are forgotten."""


def process_name(uid: str, container: str, attempt: int) -> str:
    return f"pod/{uid}/{container}/{attempt}"


class Runs:
    """Runs by pod uid and container, in memory, fed by answers and ends."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, dict[int, Run]]] = defaultdict(dict)
        self.addresses: dict[str, str] = {}

    def observe(self, record: ProcessRecord) -> str | None:
        """Takes in a record; the pod's uid, or None when it is not a container's."""
        if record.labels.get("role") != ROLE:
            return None
        uid, attempt = record.labels["uid"], int(record.labels["attempt"])
        runs = self._runs[uid].setdefault(record.labels["container"], {})
        known = runs.get(attempt)
        # The answer to a start may come after the news of the end.
        if known is None or known.running:
            runs[attempt] = Run(
                attempt,
                record.started_at,
                record.finished_at,
                record.exit_code,
                record.reason if record.exit_code else "",
                record.pid,
            )
        self.addresses[uid] = record.labels["ip"]
        return uid

    def lose(self, uid: str, container: str, run: Run) -> None:
        """Notes a run that the pod's status knows and the supervisor does not."""
        self._runs[uid].setdefault(container, {})[run.attempt] = run

    def of(self, uid: str, container: str) -> tuple[Run, ...]:
        runs = self._runs.get(uid, {}).get(container, {})
        return tuple(runs[key] for key in sorted(runs))

    def names(self, uid: str) -> list[str]:
        """Process names of all runs of a pod."""
        found = self._runs.get(uid, {})
        return [process_name(uid, name, attempt) for name in found for attempt in found[name]]

    def old(self, uid: str) -> list[str]:
        """Forgets ended runs beyond the kept ones; their process names."""
        names = []
        for container, runs in self._runs.get(uid, {}).items():
            for attempt in sorted(runs)[:-KEPT_RUNS]:
                del runs[attempt]
                names.append(process_name(uid, container, attempt))
        return names

    def pods(self) -> list[str]:
        return list(self._runs)

    def forget(self, uid: str) -> None:
        self._runs.pop(uid, None)
        self.addresses.pop(uid, None)

    def running(self) -> dict[str, list[tuple[str, Run]]]:
        """Running containers by pod uid."""
        return {
            uid: [(name, run) for name, runs in pod.items() for run in runs.values() if run.running]
            for uid, pod in self._runs.items()
        }
