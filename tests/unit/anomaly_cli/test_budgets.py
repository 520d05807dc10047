"""Error budgets over a recording: which columns are read, and what the pods' code makes of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaly_cli.budget_list import cells, document, line, notes
from anomaly_cli.budgets import Budget, Budgets, budgets
from anomaly_cli.event_columns import EventColumns, event_columns
from anomaly_cli.recorded_events import Recorded, RecordedEvents
from anomaly_cli.recording import Recording, read
from detector_runtime.contract.objectives import (
    DAY,
    TIERS,
    ObjectiveSpec,
    ObjectiveState,
    ObjectiveType,
    TierName,
    scaled,
)
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.objectives.queries import Ask, joined

STEP, ROWS, FIRST = 300, 864, 288
BEGIN = 1_763_251_200
FAULT = range(600, 612)
TOTAL, USUAL, BAD = 3000.0, 1.0, 90.0
NAMES = {"service": "checkout", "namespace": "shop", "team": "web"}
WEEK = 7 * DAY
PAIR = ObjectiveSpec(
    "ok",
    ObjectiveType.AVAILABILITY,
    0.999,
    WEEK,
    tuple(scaled(tier, WEEK) for tier in TIERS),
    errors="sum(increase(http_errors[$(window)]))",
    total="sum(increase(http_requests[$(window)]))",
)
SHARE = replace(PAIR, name="fast", errors="", total="", error_ratio="avg(slow[$(window)])")


def recording(
    path: Path, columns: Mapping[str, Callable[[int], float | None]], step: int = STEP
) -> Recording:
    """A column's cell is empty where it has no value."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["time", *columns])
        for row in range(ROWS):
            given = (value(row) for value in columns.values())
            lines.writerow([BEGIN + row * step, *("" if one is None else one for one in given)])
    return read(path, step, None)


def errors(row: int) -> float:
    return BAD if row in FAULT else USUAL


def total(row: int) -> float:
    return TOTAL


def counter(of: Callable[[int], float]) -> Callable[[int], float]:
    sums = np.cumsum([of(row) for row in range(ROWS)])
    return lambda row: float(sums[row])


def judged(one: Recording, objective: ObjectiveSpec = PAIR, *metrics: MetricSpec) -> Budgets:
    events = event_columns([objective], one.frame.names, NAMES)
    return budgets(one, events, {metric.name: metric for metric in metrics}, FIRST)


def left(found: Budget) -> float:
    assert found.report is not None
    return float(found.report.budget_left.removesuffix("%")) / 100


def test_a_fault_burns_the_budget_while_it_lasts(tmp_path: Path) -> None:
    one = recording(tmp_path / "a.csv", {"ok_errors": errors, "ok_total": total})
    found = judged(one)
    (budget,) = found.each
    rows = [(end - int(one.frame.times[0])) // STEP for end in budget.burning]
    # The long window of the fastest tier is 14 min, three rows: two of them must be bad.
    assert rows[0] == FAULT.start + 1
    # Others look further back.
    assert FAULT.stop <= rows[-1] < FAULT.stop + 48
    assert budget.worst is not None
    assert budget.worst.name is TierName.PAGE_FAST
    assert found.burns[budget.burning[0]][0].tier.name is TierName.PAGE_FAST
    # The recording is shorter than the objective's window, so the budget is that of all its rows.
    bad = len(FAULT) * BAD + (ROWS - len(FAULT)) * USUAL
    assert left(budget) == pytest.approx(1 - bad / (ROWS * TOTAL) / 0.001, abs=0.01)
    assert budget.report is not None
    assert budget.report.state is ObjectiveState.OK


def test_what_is_passed_over_is_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    bad = rng.poisson(np.where(np.arange(ROWS) % 200 < 20, 30, 1))
    one = recording(tmp_path / "a.csv", {"ok_errors": lambda row: int(bad[row]), "ok_total": total})
    some = judged(one)
    evaluated = np.ones(ROWS, dtype=bool)
    monkeypatch.setattr(RecordedEvents, "restless", lambda _: evaluated)
    every = judged(one)
    assert some.burns
    assert some.burns.keys() == every.burns.keys()
    assert some.each[0].worst == every.each[0].worst
    assert left(some.each[0]) == left(every.each[0])


def test_without_a_fault_nothing_burns(tmp_path: Path) -> None:
    one = recording(tmp_path / "a.csv", {"ok_errors": lambda _: USUAL, "ok_total": total})
    found = judged(one)
    assert not found.burns
    assert cells(found.each[0], "checkout", several=False)[3:] == ("never", "-", "Ok")


@pytest.mark.parametrize("names", [("ok_errors", "ok_total"), ("http_errors", "http_requests")])
def test_counters_say_the_same_as_the_events_of_each_row(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    of_rows = dict(zip(names, (errors, total), strict=True))
    of_counters = {name: counter(one) for name, one in of_rows.items()}
    rows = judged(recording(tmp_path / "rows.csv", of_rows))
    counters = judged(recording(tmp_path / "counters.csv", of_counters))
    assert rows.each[0].burning == counters.each[0].burning
    assert left(rows.each[0]) == pytest.approx(left(counters.each[0]), abs=0.01)


def test_rates_of_a_second_become_events(tmp_path: Path) -> None:
    def rate(of: Callable[[int], float]) -> Callable[[int], float]:
        return lambda row: of(row) / STEP

    names = {"ok_errors": rate(errors), "ok_total": rate(total)}
    one = recording(tmp_path / "a.csv", names)
    metrics = [
        MetricSpec(name, Role.CUSTOM, name, Unit.REQUESTS_PER_SECOND, Direction.BOTH)
        for name in names
    ]
    found = judged(one, PAIR, *metrics)
    first = found.each[0].burning[0]
    assert found.burns[first][0].events.bad == pytest.approx(2 * BAD + USUAL)
    # As events of a row these are fewer than an objective takes for more than chance.
    assert not judged(one).burns


def test_a_share_of_bad_events_is_averaged_and_one_in_percent_is_told(tmp_path: Path) -> None:
    def share(row: int) -> float:
        return errors(row) / TOTAL

    one = recording(tmp_path / "a.csv", {"slow": share})
    budget = judged(one, SHARE).each[0]
    assert len(budget.burning) >= len(FAULT)
    percent = recording(tmp_path / "b.csv", {"slow": lambda row: 100 * share(row)})
    (refused,) = judged(percent, SHARE).each
    assert refused.problem == "column 'slow' goes up to 3; write a share of bad events, 0 to 1"
    metric = MetricSpec("slow", Role.ERRORS, "slow", Unit.PERCENT, Direction.UP)
    assert judged(percent, SHARE, metric).each[0].burning == budget.burning


def test_what_is_missing_is_no_good_event_and_burns_nothing(tmp_path: Path) -> None:
    gone = range(FAULT.start, FAULT.stop)
    one = recording(
        tmp_path / "a.csv",
        {"ok_errors": lambda row: None if row in gone else errors(row), "ok_total": total},
    )
    found = judged(one)
    assert not found.burns
    assert left(found.each[0]) == pytest.approx(1 - USUAL / TOTAL / 0.001, abs=0.01)
    ended = recording(
        tmp_path / "b.csv", {"ok_errors": lambda row: errors(row) if row < 700 else None,
                             "ok_total": total},
    )  # fmt: skip
    (last,) = judged(ended).each
    assert last.report is not None
    assert last.report.state is ObjectiveState.INCONCLUSIVE


def test_a_window_of_which_more_than_half_is_missing_is_not_known() -> None:
    known = np.array([True, True, False, False, False, True])
    series = {"errors": np.ones(6), "total": np.full(6, 10.0)}
    ends = BEGIN + STEP * np.arange(6)
    source = RecordedEvents(ends, STEP, [Recorded(PAIR, series, known)])
    query = joined([Ask(PAIR, 4 * STEP)])
    found = source.values(query, int(ends[0]), int(ends[-1]), STEP)
    wanted = dict(zip(ends[:4].tolist(), [10.0, 20.0, 20.0, 20.0], strict=True))
    assert found["ok/total/20m"] == wanted


def test_tiers_shorter_than_a_step_are_left_out_and_told(tmp_path: Path) -> None:
    one = recording(tmp_path / "a.csv", {"ok_errors": errors, "ok_total": total}, step=3600)
    (budget,) = judged(one).each
    assert budget.worst is None or budget.worst.name is TierName.TICKET_SLOW
    said = list(notes(budget))
    assert said[0] == "objective ok: errors from column 'ok_errors', total from column 'ok_total'"
    assert "less than the step of 1h: PageFast (5m), PageSlow (7m), TicketFast (28m)" in said[1]


def events_of(objective: ObjectiveSpec, *columns: str) -> EventColumns:
    (found,) = event_columns([objective], columns, NAMES)
    return found


@pytest.mark.parametrize(
    ("objective", "columns", "wanted"),
    [
        (PAIR, ("latency", "http_errors", "http_requests"), ("http_errors", "http_requests")),
        (PAIR, ("ok_errors", "http_errors", "ok_total"), ("ok_errors", "ok_total")),
        (PAIR, ("ok_errors", "http_requests"), ("ok_errors", "http_requests")),
        (SHARE, ("slow",), ("slow",)),
        (SHARE, ("slow", "fast_error_ratio"), ("fast_error_ratio",)),
        (
            replace(PAIR, errors="", good='sum(increase($(service)_good{code!="x"}[$(window)]))'),
            ("checkout_good", "http_requests", "code", "x"),
            ("checkout_good", "http_requests"),
        ),
    ],
)
def test_columns_are_found_by_the_objective_or_by_the_query(
    objective: ObjectiveSpec, columns: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    found = events_of(objective, *columns)
    assert not found.problem
    assert tuple(found.columns.values()) == wanted


@pytest.mark.parametrize(
    ("objective", "columns", "said"),
    [
        (
            PAIR,
            ("latency", "errors"),
            "no column holds its errors; record its events as columns ok_errors and ok_total",
        ),
        (
            replace(PAIR, errors='sum(increase(http_requests{code="500"}[$(window)]))'),
            ("http_requests",),
            "errors and total both name the column 'http_requests'; record its events",
        ),
        (
            replace(SHARE, error_ratio="sum(a[$(window)]) / sum(b[$(window)])"),
            ("a", "b"),
            (
                "its query for errorRatio names the columns a and b; record its share of bad "
                "events as column fast_error_ratio"
            ),
        ),
    ],
)
def test_what_is_not_certain_is_told_with_the_next_step(
    objective: ObjectiveSpec, columns: tuple[str, ...], said: str
) -> None:
    found = events_of(objective, *columns)
    assert not found.columns
    assert found.problem.startswith(said)


def test_an_objective_is_told_in_one_line_and_as_json(tmp_path: Path) -> None:
    one = recording(tmp_path / "a.csv", {"ok_errors": errors, "ok_total": total})
    (budget,) = judged(one).each
    said = line(budget, one.zone)
    assert said.startswith("objective ok: ")
    assert "of the error budget for 7d is left, target 99.9%; it burnt in " in said
    assert said.endswith(", at worst as PageFast")
    told = document(budget, one.zone)
    assert (told["target"], told["window"], told["worstTier"]) == ("99.9%", "7d", "PageFast")
    assert told["burningWindows"] == len(budget.burning)
    (lost,) = judged(one, SHARE).each
    assert line(lost, one.zone).startswith("objective fast is not evaluated: no column holds its")
    assert document(lost, one.zone)["state"] is None
