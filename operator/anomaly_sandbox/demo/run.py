"""`python -m anomaly_sandbox demo`: the whole way from an empty machine to a resolved incident.

Everything that is shown is read from the API server; the faults are in the simulator alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_sandbox.demo import dashboard, replay, replay_story, story
from anomaly_sandbox.demo.ending import to_the_end
from anomaly_sandbox.demo.shop import SHOP
from anomaly_sandbox.demo.stage import EXAMPLES, SYSTEM_NAMESPACE, Stage, narrator
from anomaly_sandbox.typed_command import typed

_DESCRIPTION = """Starts a cluster and a Prometheus, installs the operator, trains it on a simulated
shop or a recording, and shows an incident from its first sign to its end."""
_TWO_DAYS = 2 * 86_400
_QUICK_HISTORY = 12 * 3600


def main(argv: list[str] | None = None) -> int:
    """0, or 1 with the reason on standard error; 130 when it was interrupted."""
    options = _parser().parse_args(argv)
    return to_the_end(lambda began: _run(options, began))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anomaly-sandbox demo", description=_DESCRIPTION)
    parser.add_argument(
        "--keep", action="store_true", help="leave everything running, the live feed included"
    )
    parser.add_argument(
        "--quick", action="store_true", help="write 12 hours of history instead of 2 days"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="seed of the simulated metrics (default %(default)s)"
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE.csv",
        help="replay a recording instead of the simulated shop",
    )
    parser.add_argument("--speed", type=float, help="replay the recording this many times faster")
    parser.add_argument(
        "--live-rows", type=int, help="number of rows at the end of the recording to replay live"
    )
    parser.add_argument("--name", help="name of the sandbox (default: demo, with --keep default)")
    parser.add_argument("--state-dir", type=Path, help="folder of the sandbox; overrides --name")
    return parser


def _run(options: argparse.Namespace, began: float) -> None:
    say = narrator(began)
    reel = None
    if options.replay is not None:
        reel = replay_story.load(options.replay, options.speed, options.live_rows)
    # What stays running gets the name that `python -m anomaly_sandbox` uses without one.
    name = options.name or ("default" if options.keep else "demo")
    with Stage.up(say, name=name, state_dir=options.state_dir, keep=options.keep) as stage:
        if reel is None:
            _shop(stage, options)
        else:
            stage.install_chart()
            replay_story.play(stage, reel)
            _tables(stage, replay.NAMESPACE, replay.service_name(reel.file))
            if options.keep:
                dashboard.start(stage)
        if options.keep:
            _where_to_look(stage, story.NAMESPACE if reel is None else replay.NAMESPACE)


def _shop(stage: Stage, options: argparse.Namespace) -> None:
    history = _QUICK_HISTORY if options.quick else _TWO_DAYS
    stage.say(f"writing {history // 3600} hours of the shop's metrics to Prometheus")
    stage.start_feed("--seed", str(options.seed), "--history-seconds", str(history))
    stage.start_inbox()
    stage.install_chart()
    stage.wait_for_history()
    shop = EXAMPLES / "shop"
    stage.apply(shop / "namespace.yaml", shop / "slo-policy.yaml", shop / "services.yaml")
    stage.say("applied operator/examples/shop: 8 services and one SLO policy")
    dashboard.start(stage)
    if options.keep:
        # The code in it is left for a person, as it lets one browser in.
        stage.say(f"dashboard: {dashboard.entrance(stage)}")
    story.learn(stage, story.NAMESPACE, len(SHOP.names))
    story.quiet(stage, story.NAMESPACE)
    stage.show("get", "asvc", "-n", story.NAMESPACE)
    story.strike(stage)
    incident = story.notice(stage, story.NAMESPACE)
    if not options.keep:
        dashboard.must_name(stage, incident.name)
    story.mend(stage)
    for line in story.outline(story.resolve(stage, story.NAMESPACE)):
        stage.say(line)
    story.messages(stage)
    _tables(stage, story.NAMESPACE, story.VICTIM)


def _tables(stage: Stage, namespace: str, service: str) -> None:
    stage.show("get", "asvc", "-n", namespace)
    stage.show("get", "anomalies", "-n", namespace)
    stage.show(
        *("get", "events", "-n", namespace, "--field-selector"),
        f"involvedObject.kind=AnomalyService,involvedObject.name={service}",
    )


def _where_to_look(stage: Stage, namespace: str) -> None:
    sandbox, trouble = typed("anomaly_sandbox"), typed("anomaly_sandbox.demo.trouble")
    print(
        f"""The demo keeps running. Take a look:

  export KUBECONFIG={stage.sandbox.kubeconfig}
  kubectl get asvc,anomalies -n {namespace}
  kubectl describe asvc -n {namespace}
  kubectl get cronjobs,jobs,pods -n {namespace}
  kubectl get pods -n {SYSTEM_NAMESPACE}

  {dashboard.entrance(stage)}
      the dashboard; the address lets one browser in, once
  {stage.sandbox.prometheus_url}   Prometheus with the live metrics
  {sandbox} logs POD -n {SYSTEM_NAMESPACE}
  {sandbox} kubectl ...   if kubectl is not installed
"""
    )
    # Nothing can be broken in a recording.
    if namespace == story.NAMESPACE:
        print(
            f"""  {trouble} payments latency 6   injects a fault
  {trouble} --mend               removes all faults
"""
        )
    print("  make demo-down   stops everything\n")
