"""Breaks and mends services of a shop that `make demo-up` left running.

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
    parser.add_argument("amount", nargs="?", type=float, help="a factor; for errors a share of 1")
    parser.add_argument("--mend", action="store_true", help="end all faults")
    parser.add_argument("--name", default="default", help="name of the sandbox")
    parser.add_argument("--state-dir", type=Path, help="its folder, instead of a name")
    options = parser.parse_args(argv)
    if options.mend == (options.amount is not None):
        parser.error("name a service, a kind of fault and an amount, or --mend")
    folder = options.state_dir or state_dir(options.name)
    if read_progress(folder) is None:
        parser.error(f"no demo runs in {folder}; start one with `make demo-up`")
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
        "all is mended" if options.mend else f"{options.service}: {options.kind} {options.amount:g}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
