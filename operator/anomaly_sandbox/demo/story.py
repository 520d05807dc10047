"""The steps of the demo: train, stay quiet, inject a fault, detect, remove the fault, resolve.

Every act waits for what the API server says, with a deadline; the first that is missed ends the
demo with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from anomaly_sandbox.demo.faults import Fault, FaultKind, mended
from anomaly_sandbox.demo.inbox import Letter
from anomaly_sandbox.demo.sight import IncidentSight
from anomaly_sandbox.demo.stage import DemoError, Stage

VICTIM = "payments"
SLOWDOWN = 6.0
NAMESPACE = "shop"

TRAINING_SECONDS = 240.0
FIRST_RUN_SECONDS = 120.0
QUIET_SECONDS = 60
QUIET_DEADLINE_SECONDS = 180.0
NOTICE_SECONDS = 240.0
RESOLVE_SECONDS = 420.0
MESSAGE_SECONDS = 60.0


def learn(stage: Stage, namespace: str, expected: int) -> None:
    """Waits until `expected` services have a model and a first result, and says how it goes."""
    stage.say(f"training {expected} services on the history")
    report = _Progress(stage, lambda done: f"trained {done} of {expected}")

    def trained() -> bool:
        services = stage.services(namespace)
        report(service.name for service in services if service.trained)
        return len(services) == expected and all(service.trained for service in services)

    stage.until_served(namespace, trained, TRAINING_SECONDS, "not every service was trained")

    def scored() -> bool:
        return all(service.scored_through for service in stage.services(namespace))

    stage.until_served(namespace, scored, FIRST_RUN_SECONDS, "not every service was scored")
    stage.say("every service has been scored")


def quiet(stage: Stage, namespace: str) -> None:
    """A minute of normal operation, as scored by the product: there must be no incident."""
    stage.say(f"normal operation: no incident may open in {QUIET_SECONDS} s of windows")
    begin = {service.name: service.scored_through for service in stage.services(namespace)}

    def passed() -> bool:
        _no_incident(stage, namespace)
        services = stage.services(namespace)
        return all(s.scored_through >= begin[s.name] + QUIET_SECONDS for s in services)

    stage.until_served(
        namespace, passed, QUIET_DEADLINE_SECONDS, "the services are no longer scored"
    )
    stage.say("no incident")


def strike(stage: Stage) -> None:
    """Slows the victim down, in the simulator alone."""
    stage.faults = (Fault(VICTIM, FaultKind.LATENCY, SLOWDOWN, int(time.time())),)
    stage.say(f"{VICTIM} is now {SLOWDOWN:g} times slower; the operator sees only its metrics")


def notice(stage: Stage, namespace: str) -> IncidentSight:
    """Waits for an incident on the victim that says how bad it is and why."""

    def opened() -> IncidentSight | None:
        stage.feed_must_run()
        found = [i for i in stage.incidents(namespace) if i.service == VICTIM and i.state == "Open"]
        return found[0] if found else None

    incident = stage.until(opened, NOTICE_SECONDS, f"no incident opened on {VICTIM}")
    stage.say(f"incident {incident.name}: {incident.summary or incident.pattern}")
    said = {
        "severity": incident.severity,
        "SLO": incident.slo,
        "contributions": incident.contributions,
    }
    missing = [what for what, value in said.items() if not value]
    if missing:
        raise DemoError(f"{incident.name} has no {' and no '.join(missing)}")
    stage.show("get", "anomalies", "-n", namespace)
    stage.show("anomaly", "show", incident.name, "-n", namespace)
    return incident


def mend(stage: Stage) -> None:
    """Ends every fault of the simulator."""
    stage.faults = mended(stage.faults, int(time.time()))
    stage.say(f"{VICTIM} is back to normal speed")


def resolve(stage: Stage, namespace: str) -> list[IncidentSight]:
    """Waits until every incident has closed; returns them."""
    seen: dict[str, str] = {}

    def closed() -> list[IncidentSight]:
        stage.feed_must_run()
        incidents = stage.incidents(namespace)
        tell_changes(stage, incidents, seen)
        calm = all(service.state != "Anomalous" for service in stage.services(namespace))
        return incidents if calm and all(i.closed for i in incidents) else []

    return stage.until(closed, RESOLVE_SECONDS, "an incident is still open")


def messages(stage: Stage) -> None:
    """What people were told: the root alone, with its symptoms, when it opened and when it closed.

    Raises DemoError when nobody was told, or a symptom was told of by itself.
    """

    def told() -> list[Letter]:
        letters = stage.letters()
        ends = [one for one in letters if one.service == VICTIM and one.event == "Closed"]
        return letters if ends else []

    letters = stage.until(told, MESSAGE_SECONDS, f"nobody was told that {VICTIM} has recovered")
    stage.say(f"{len(letters)} messages were sent:")
    for letter in letters:
        print(f"\n{letter.text.strip()}")
    print(flush=True)
    symptoms = {name for letter in letters for name in letter.symptoms}
    twice = sorted(symptoms & {one.service for one in letters if one.event == "Opened"})
    if twice:
        raise DemoError(f"people were told of {', '.join(twice)}, a symptom of {VICTIM}, by itself")


def tell_changes(stage: Stage, incidents: Iterable[IncidentSight], seen: dict[str, str]) -> None:
    """Says a line for each incident that is not in the state that `seen` has; updates `seen`."""
    for incident in incidents:
        if seen.get(incident.name) != incident.state:
            seen[incident.name] = incident.state
            what = incident.resolution or incident.summary or incident.pattern
            stage.say(f"{incident.name}: {incident.state}, {incident.severity}: {what}")


def outline(incidents: Iterable[IncidentSight]) -> Iterator[str]:
    """Each root with its symptoms under it, then the incidents that have none and are none."""
    known = list(incidents)
    below = {one.root for one in known}
    roots = [one for one in known if not one.root]
    for one in sorted(roots, key=lambda one: (one.service not in below, one.name)):
        yield f"{one.service}: {one.summary or one.pattern}"
        for symptom in sorted(known, key=lambda other: other.name):
            if symptom.root == one.service:
                yield f"  also affected: {symptom.service} (confidence {symptom.confidence})"


def _no_incident(stage: Stage, namespace: str) -> None:
    stage.feed_must_run()
    found = stage.incidents(namespace)
    if found:
        first = found[0]
        raise DemoError(
            f"an incident opened on {first.service} without a fault: {first.pattern}, "
            f"{first.severity}: {first.summary}"
        )


class _Progress:
    """Says a line whenever another name has come to the ones seen."""

    def __init__(self, stage: Stage, line: Callable[[int], str]) -> None:
        self._stage = stage
        self._line = line
        self._seen: set[str] = set()

    def __call__(self, names: Iterable[str]) -> None:
        new = set(names) - self._seen
        if new:
            self._seen |= new
            self._stage.say(f"{self._line(len(self._seen))}: {', '.join(sorted(new))}")
