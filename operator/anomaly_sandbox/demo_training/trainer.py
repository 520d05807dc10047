"""Trains the tiny model and logs as trainers do: `python -m anomaly_sandbox.demo_training.trainer`.

Into FOLDER it writes logs/train.jsonl and checkpoints/checkpoint-STEP.npz. Where checkpoints are,
it goes on from the newest one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anomaly_sandbox.demo_training import breakage, checkpoints
from anomaly_sandbox.demo_training.breakage import NOTHING, Breakage
from anomaly_sandbox.demo_training.network import Network
from anomaly_sandbox.demo_training.sums import make_sums
from anomaly_sandbox.demo_training.training import CHECKPOINT_EVERY, LOG_EVERY, Training

LOG = Path("logs") / "train.jsonl"
CHECKPOINTS = Path("checkpoints")
BREAKAGE = Path("breakage.json")
TOTAL_STEPS = 3000
INTERRUPTED = 75
"""Exit code at --resume-at: a temporary failure (EX_TEMPFAIL of sysexits.h); start it again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps_per_second` 0: as fast as possible. `resume_at`: step at which a run that began from
    nothing breaks off."""

    folder: Path
    seed: int = 7
    total: int = TOTAL_STEPS
    steps_per_second: float = 0.0
    breakage: Breakage = NOTHING
    resume_at: int | None = None


def train(
    plan: Plan,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """0 at the end of the training, INTERRUPTED where it broke off. Raises OSError."""
    folder, stored = plan.folder, checkpoints.newest(plan.folder / CHECKPOINTS)
    step, network = stored or (0, Network.fresh(plan.seed))
    training = Training(make_sums(plan.seed), network, plan.seed, plan.total, step)
    broken = plan.breakage
    (folder / LOG).parent.mkdir(parents=True, exist_ok=True)
    print(f"training from step {step} to {plan.total}", flush=True)
    began = now()
    with (folder / LOG).open("a", buffering=1) as log:
        while training.step < plan.total:
            if training.step % LOG_EVERY == 0:
                broken = breakage.read(folder / BREAKAGE) or plan.breakage
            for row in training.advance(broken, now):
                log.write(json.dumps(row) + "\n")
            if training.step % CHECKPOINT_EVERY == 0:
                checkpoints.save(folder / CHECKPOINTS, training.step, network)
            if stored is None and training.step == plan.resume_at:
                print(f"breaking off at step {training.step}, as --resume-at says", flush=True)
                return INTERRUPTED
            if plan.steps_per_second:
                due = began + (training.step - step) / plan.steps_per_second
                sleep(max(due - now(), 0.0))
    print(f"done: accuracy {training.accuracy():.1%} on prompts held out", flush=True)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 with a message where the folder cannot be written."""
    parser = argparse.ArgumentParser(
        prog="anomaly_sandbox.demo_training.trainer", description=__doc__
    )
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=TOTAL_STEPS, help="default: %(default)s")
    parser.add_argument(
        "--steps-per-second", type=float, default=0.0, help="default: as fast as possible"
    )
    parser.add_argument(
        "--label-bug", type=int, metavar="STEP", help="shuffle the golden answers after this step"
    )
    parser.add_argument(
        "--rate-glitch",
        type=int,
        metavar="STEP",
        help=f"{breakage.GLITCH_FACTOR:g} times the learning rate for {breakage.GLITCH_STEPS} "
        "steps after this one",
    )
    parser.add_argument(
        "--resume-at",
        type=int,
        metavar="STEP",
        help=f"exit with code {INTERRUPTED} after this step; the next start goes on from the "
        f"newest checkpoint, one of which is written every {CHECKPOINT_EVERY} steps",
    )
    options = parser.parse_args(argv)
    plan = Plan(
        folder=options.folder,
        seed=options.seed,
        total=options.steps,
        steps_per_second=options.steps_per_second,
        breakage=Breakage(options.label_bug, options.rate_glitch),
        resume_at=options.resume_at,
    )
    try:
        return train(plan)
    except OSError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
