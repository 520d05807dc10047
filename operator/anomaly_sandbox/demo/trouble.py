"""Injects faults into the simulated shop of a demo that `make demo-up` started.

python -m anomaly_sandbox.demo.trouble payments latency 6
python -m anomaly_sandbox.demo.trouble --mend
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from anomaly_sandbox.demo.faults import Fault, FaultKind, mended, read_faults, write_faults
from anomaly_sandbox.demo.feed import FAULTS_FILE, read_progress
from anomaly_sandbox.demo.shop import SHOP
from anomaly_sandbox.folders import state_dir


def main(argv: list[str] | None = None) -> int:
    """Exit code 2 with a message when there is no such service or no running demo."""
    parser = argparse.ArgumentParser(
        prog="anomaly_sandbox.demo.trouble",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("service", nargs="?", choices=SHOP.names)
    parser.add_argument("kind", nargs="?", choices=[kind.value for kind in FaultKind])
    parser.add_argument(
        "amount",
        nargs="?",
        type=float,
        help="for latency a factor, for errors the share of failed requests (0 to 1)",
    )
    parser.add_argument("--mend", action="store_true", help="remove all faults")
    parser.add_argument("--name", default="default", help="name of the sandbox")
    parser.add_argument("--state-dir", type=Path, help="folder of the sandbox; overrides --name")
    options = parser.parse_args(argv)
    if options.mend == (options.amount is not None):
        parser.error("name a service, a kind of fault and an amount, or --mend")
    folder = options.state_dir or state_dir(options.name)
    if read_progress(folder) is None:
        parser.error(f"no demo is running in {folder}; start one with `make demo-up`")
    now = int(time.time())
    faults = read_faults(folder / FAULTS_FILE)
    if options.mend:
        faults = mended(faults, now)
    else:
        try:
            fault = Fault(options.service, FaultKind(options.kind), options.amount, now)
        except ValueError as error:
            parser.error(str(error))
        faults = (*faults, fault)
    write_faults(folder / FAULTS_FILE, faults)
    print(
        "all faults removed"
        if options.mend
        else f"{options.service}: {options.kind} {options.amount:g}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
