"""`python -m tests.benchmarks.rootcause [--jobs 2] [--each] [--write FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from detector_runtime.contract.detection import WindowReport
from tests.benchmarks.rootcause import largest_z
from tests.benchmarks.rootcause.recordings import PETSHOP, Application, Issue, application
from tests.benchmarks.rootcause.scoring import NORMAL, Reports, scored
from tests.benchmarks.rootcause.story import Ending, lived, told
from tests.benchmarks.rootcause.table import Answer, render

TARGET = "PetSite"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rootcause")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--each", action="store_true", help="print each issue too")
    parser.add_argument("--cache", type=Path, help="folder for the scores; default: temporary")
    parser.add_argument("--write", type=Path, help="write the table there")
    given = parser.parse_args()
    if not PETSHOP.is_dir():
        print(f"SKIPPED: no recordings at {PETSHOP} (set ANOMALY_DATA)", file=sys.stderr)
        return 0
    shop = application()
    reports = scored(shop, given.jobs, given.cache)
    answers = [answer for issue in shop.issues for answer in _answers(shop, reports, issue)]
    quiet = lived(_part(reports, NORMAL), shop.calls, TARGET)
    text = render(answers, _silent(quiet), len(quiet))
    if given.each:
        for one in answers:
            print(one.line())
    print(text)
    if given.write:
        given.write.write_text(text)
    return 0


def _answers(shop: Application, reports: Mapping[str, Reports], issue: Issue) -> list[Answer]:
    windows = _part(reports, issue.name)
    by_itself = lived(windows, shop.calls, issue.target)
    endings = {
        "product, by itself": _last(by_itself),
        "product, told of the breach": told(by_itself[-1], shop, issue),
    }
    found = [Answer(one, issue, end.ranking, end.named) for one, end in endings.items()]
    return [*found, Answer("largest z", issue, largest_z.ranking(shop, issue), named=True)]


def _last(endings: Sequence[Ending]) -> Ending:
    """What stands on the target's incident, also when it has closed in the meantime."""
    return next((one for one in reversed(endings) if one.ranking), endings[-1])


def _silent(endings: Sequence[Ending]) -> int:
    """Windows in which nobody is named."""
    return sum(not one.named for one in endings)


def _part(reports: Mapping[str, Reports], name: str) -> dict[str, Sequence[WindowReport]]:
    return {service: parts[name] for service, parts in reports.items() if parts}


if __name__ == "__main__":
    sys.exit(main())
