"""`python -m anomaly_sandbox demo-training`: a training run from its start to the advice.

Everything that is shown is read from the API server and the claim; the fault is in the trainer
alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_sandbox.demo.ending import to_the_end
from anomaly_sandbox.demo.stage import Stage, narrator
from anomaly_sandbox.demo_training import story
from anomaly_sandbox.typed_command import typed

_DESCRIPTION = """Starts a cluster and a tiny real training in it, installs the operator, breaks the
learning rate, and shows what it says: the step, the trigger, and the checkpoint to go back to."""


def main(argv: list[str] | None = None) -> int:
    """0, or 1 with the reason on standard error; 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="anomaly-sandbox demo-training", description=_DESCRIPTION)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument("--name", help="name of the sandbox (default: demo, with --keep default)")
    parser.add_argument("--state-dir", type=Path, help="folder of the sandbox; overrides --name")
    options = parser.parse_args(argv)
    return to_the_end(lambda began: _run(options, began))


def _run(options: argparse.Namespace, began: float) -> None:
    # What stays running gets the name that `python -m anomaly_sandbox` uses without one.
    name = options.name or ("default" if options.keep else "demo")
    with Stage.up(
        narrator(began),
        name=name,
        state_dir=options.state_dir,
        keep=options.keep,
        prometheus=False,
    ) as stage:
        story.begin(stage)
        stage.install_chart()
        story.watch(stage)
        story.quiet(stage)
        incident, evidence = story.notice(stage, story.strike(stage))
        story.kept(stage, evidence)
        story.tables(stage, incident)
        stage.say(
            f"summary: no alert up to the fault; found: {evidence.triggers[0]}; go back to "
            f"{evidence.checkpoint}; best step {evidence.best_step}"
        )
        if options.keep:
            _where_to_look(stage)


def _where_to_look(stage: Stage) -> None:
    print(
        f"""The demo keeps running. Take a look:

  export KUBECONFIG={stage.sandbox.kubeconfig}
  kubectl anomaly run show {story.RUN} -n {story.NAMESPACE}
  kubectl anomaly run timeline {story.RUN} -n {story.NAMESPACE}
  kubectl describe asvc -n {story.NAMESPACE}
  kubectl logs job/{story.RUN} -n {story.NAMESPACE}

  {typed("anomaly_sandbox")} kubectl ...   if kubectl is not installed

  make demo-down   stops everything
"""
    )
