"""From the number of false incidents that are tolerated to a level of the score."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.fitting.alert_level import LOWEST, NO_HISTORY, PRECISION, WEEK, History

STEP = 300
WEEKS = 4
ROWS = WEEKS * WEEK // STEP


def history(
    *peaks: tuple[int, float], trimmed: tuple[int, ...] = (), by_chance: float = 0.0
) -> History:
    """Four quiet weeks with `peaks` (row, score) of three windows each."""
    scores, flags = np.full(ROWS, 0.6), np.zeros(ROWS, dtype=bool)
    for row, score in peaks:
        scores[row : row + 3] = score
    for row in trimmed:
        flags[row : row + 3] = True
    return History(scores, flags, by_chance, STEP, IncidentSpec())


PEAKS = tuple((500 * (k + 1), 2.0 + 0.25 * k) for k in range(12))


def test_the_level_lets_through_what_is_tolerated_and_no_more() -> None:
    quiet = history(*PEAKS)
    (level,) = quiet.levels([2.0])
    assert quiet.false_incidents(level) == 2 * WEEKS
    assert quiet.false_incidents(level - 0.25) > 2 * WEEKS


def test_more_tolerance_never_raises_the_level() -> None:
    levels = history(*PEAKS).levels([0.25, 0.5, 1.0, 2.0, 4.0])
    assert levels == sorted(levels, reverse=True)


def test_a_rate_that_the_history_is_too_short_for_lies_further_out_in_the_tail() -> None:
    quiet = history(*PEAKS)
    one, tenth = quiet.levels([1 / WEEKS, 0.1 / WEEKS])
    assert tenth - one == pytest.approx(1.0)


def test_a_real_incident_of_the_past_does_not_raise_the_level() -> None:
    rows = tuple(row for row, _ in PEAKS[-4:])
    plain, known = history(*PEAKS), history(*PEAKS, trimmed=rows)
    assert known.levels([1.0])[0] < plain.levels([1.0])[0]


def test_the_weaker_windows_around_a_real_incident_belong_to_it() -> None:
    scores = history((1000, 5.0)).scores
    scores[990:1020] = np.maximum(scores[990:1020], 2.5)
    flags = np.zeros(ROWS, dtype=bool)
    flags[1000:1003] = True
    assert History(scores, flags, 0.0, STEP, IncidentSpec()).false_incidents(2.0) == 0


def test_what_chance_may_explain_counts_with_its_share() -> None:
    rows = tuple(row for row, _ in PEAKS)
    assert history(*PEAKS, trimmed=rows, by_chance=0.25).false_incidents(1.9) == 3


def test_missing_scores_are_no_quiet_time() -> None:
    quiet = history(*PEAKS)
    scores = quiet.scores.copy()
    scores[ROWS // 2 :] = np.nan
    half = History(scores, quiet.trimmed, 0.0, STEP, IncidentSpec())
    assert half.weeks == pytest.approx(WEEKS / 2)
    assert History(np.full(9, np.nan), np.zeros(9, bool), 0.0, STEP, IncidentSpec()).levels(
        [1.0]
    ) == [NO_HISTORY]


@pytest.mark.parametrize("confirmation", [1, 2, 3])
@pytest.mark.parametrize("reopen", [0, 1800, 6 * 3600])
def test_what_is_asked_comes_true_on_later_quiet_weeks(confirmation: int, reopen: int) -> None:
    """Scores as smoothing leaves them: a strong window has strong neighbours."""
    wanted, rules = 4.0, IncidentSpec(confirmation_cycles=confirmation, reopen_seconds=reopen)
    noise = np.random.default_rng(11).exponential(1.0, 12 * ROWS)
    smoothed = np.convolve(noise, [0.5, 0.3, 0.2], mode="same")
    rarer = len(smoothed) - np.argsort(np.argsort(smoothed))
    scores = -np.log10(rarer / len(smoothed))

    def part(rows: slice, by: IncidentSpec) -> History:
        taken = scores[rows]
        return History(taken, np.zeros(len(taken), dtype=bool), 1.0, STEP, by)

    known, later = slice(0, 4 * ROWS), part(slice(4 * ROWS, None), rules)
    (level,) = part(known, rules).levels([wanted])
    realised = later.false_incidents(level) / later.weeks
    assert realised < 1.25 * wanted
    assert realised > 0.75 * wanted or level < LOWEST + PRECISION
    if confirmation == 1:
        (usual,) = part(known, IncidentSpec()).levels([wanted])
        assert later.false_incidents(usual) / later.weeks > 2 * wanted
