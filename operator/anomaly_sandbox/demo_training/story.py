"""The steps of the demo: train, resume, stay quiet, break the learning rate, detect, advise.

Every act waits for what the API server says, with a deadline; the first that is missed ends the
demo with its reason.
"""

from __future__ import annotations

import json
from pathlib import Path

from anomaly_sandbox.demo.sight import IncidentSight, incident_sight
from anomaly_sandbox.demo.stage import EXAMPLES, DemoError, Stage
from anomaly_sandbox.demo_training import breakage, scene
from anomaly_sandbox.demo_training.breakage import GLITCH_FACTOR, Breakage
from anomaly_sandbox.demo_training.sight import (
    EvidenceSight,
    RunSight,
    evidence_sight,
    run_sight,
)
from anomaly_sandbox.demo_training.trainer import BREAKAGE, LOG
from anomaly_sandbox.waiting import SandboxError

NAMESPACE = "training"
RUN = "sums"
CLAIM = "sums-run"
EXAMPLE = EXAMPLES / "training"
STEPS = 10_000
STEPS_PER_SECOND = 40
BREAKS_OFF_AT = 650
EARLIEST_GLITCH = 1200
"""The loss has a usual by then, so that the jump is more than one trigger."""

START_SECONDS = 60.0
QUIET_SECONDS = 180.0
NOTICE_SECONDS = 180.0
_SHORTLY = 80
"""Steps until a glitch that is ordered now, 2 seconds: the trainer looks every 10 steps."""


def begin(stage: Stage) -> None:
    """A training that runs before anyone watches it, as most do."""
    stage.apply(EXAMPLE / "namespace.yaml")
    flags = ("--steps", str(STEPS), "--steps-per-second", str(STEPS_PER_SECOND))
    job = scene.training_job(RUN, CLAIM, *flags, "--resume-at", str(BREAKS_OFF_AT))
    stage.sandbox.apply([scene.claim(CLAIM), job], namespace=NAMESPACE)
    stage.until(lambda: _last_step(stage), START_SECONDS, "the training has logged no row")
    stage.say(
        f"a training of {STEPS:,} steps is running as Job {RUN}; it breaks off at step "
        f"{BREAKS_OFF_AT} and resumes from its last checkpoint"
    )


def watch(stage: Stage) -> None:
    """Only now is the run watched; its log is read from the beginning."""
    stage.apply(EXAMPLE / "service.yaml")
    stage.say(f"applied operator/examples/training: AnomalyService {RUN}, profile TrainingRun")


def quiet(stage: Stage) -> RunSight:
    """Until the run has been followed beyond the resume: nothing of it may be an alert."""

    def followed() -> RunSight | None:
        run = _run(stage)
        first = next(iter(run.alerts), "")
        if first or stage.incidents(NAMESPACE):
            raise DemoError(f"an alert without a fault: {first or 'an incident opened'}")
        return run if run.resumes else None

    failure = "the run was not followed beyond its resume"
    run = stage.until_served(NAMESPACE, followed, QUIET_SECONDS, failure)
    stage.say(f"{run.state} at step {run.step}, loss {run.loss}; {run.resumes} resume and no alert")
    stage.show("get", "asvc", "-n", NAMESPACE)
    return run


def strike(stage: Stage) -> int:
    """Breaks the learning rate of the running training; the step after which it is broken."""
    step = max(_last_step(stage) + _SHORTLY, EARLIEST_GLITCH)
    breakage.write(_folder(stage) / BREAKAGE, Breakage(rate_glitch=step))
    stage.say(
        f"after step {step} the learning rate is {GLITCH_FACTOR:g} times too high for a moment; "
        "the operator sees only the log"
    )
    return step


def notice(stage: Stage, after: int) -> tuple[IncidentSight, EvidenceSight]:
    """Waits for an incident that says what happened at which step, and where to go back to."""

    def opened() -> tuple[IncidentSight, EvidenceSight] | None:
        for one in stage.sandbox.list("anomalies", NAMESPACE):
            sight = incident_sight(one)
            # Quiet windows may have come after the jump: it is recovering then.
            if sight.state:
                return sight, evidence_sight(one)
        return None

    failure = f"no incident opened after step {after}"
    incident, evidence = stage.until_served(NAMESPACE, opened, NOTICE_SECONDS, failure)
    said = {
        "summary": incident.summary,
        "trigger": evidence.triggers,
        "checkpoint": evidence.checkpoint,
        "snapshot": evidence.snapshot,
        "best step": evidence.best_step,
    }
    missing = [what for what, value in said.items() if not value]
    if missing:
        raise DemoError(f"{incident.name} has no {' and no '.join(missing)}")
    stage.say(f"incident {incident.name}: {incident.severity}, {evidence.triggers[0]}")
    if not evidence.conclusion.startswith("Go back to step"):
        raise DemoError(f"the conclusion is no checkpoint to go back to: {evidence.conclusion}")
    stage.say(evidence.conclusion)
    return incident, evidence


def kept(stage: Stage, evidence: EvidenceSight) -> None:
    """The snapshot lies on the claim, and so does the checkpoint that the advice names."""
    folder = _folder(stage)
    metadata = folder / evidence.snapshot / "metadata.json"
    for path in (metadata, folder / evidence.checkpoint):
        if not path.is_file():
            raise DemoError(f"{path.relative_to(folder)} is not on the claim {CLAIM}")
    stage.say(f"on the claim {CLAIM}: {evidence.snapshot}/metadata.json")


def tables(stage: Stage, incident: IncidentSight) -> None:
    """What people see."""
    stage.show("get", "asvc", "-n", NAMESPACE)
    stage.show("get", "anomalies", "-n", NAMESPACE)
    stage.show("anomaly", "show", incident.name, "-n", NAMESPACE)
    stage.show("anomaly", "run", "show", RUN, "-n", NAMESPACE)


def _run(stage: Stage) -> RunSight:
    return run_sight(stage.sandbox.get("anomalyservices", RUN, NAMESPACE) or {})


def _folder(stage: Stage) -> Path:
    return scene.folder_of(stage.sandbox, CLAIM, NAMESPACE)


def _last_step(stage: Stage) -> int:
    """Of the log; 0 while there is none."""
    try:
        text = (_folder(stage) / LOG).read_text()
    except (SandboxError, FileNotFoundError):
        return 0
    whole = text[: text.rfind("\n") + 1].splitlines()
    return int(json.loads(whole[-1])["step"]) if whole else 0
