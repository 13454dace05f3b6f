"""Rankings of a sweep, and who is held after them."""

import numpy as np
import pytest

from tasks.backtest import ranking
from tasks.backtest.combinations import combinations
from tasks.backtest.kernels.bits import unpacked
from tasks.backtest.ranking import Rankings, holding_ranks, rank_levels


def held_day_by_day(scores, start, every, levels, rows):
    """The rule as it is said: walk the calendar and look at each ranking."""
    out, held = [], False
    trading = {int(day): t for t, day in enumerate(rows)}
    for day in range(40):
        t = trading.get(day)
        if day >= start and (day - start) % every == 0:
            held = t is not None and bool(scores[t] >= levels[(day - start) // every])
        if t is not None:
            out.append(held)
    return out


def test_a_stock_is_held_from_one_ranking_to_the_next():
    rng = np.random.default_rng(3)
    for case in range(60):
        days, sets = int(rng.integers(1, 40)), 5
        rows = np.flatnonzero(rng.random(days) < rng.choice([0.3, 0.8, 1.0]))
        scores = rng.integers(0, 4, (3, len(rows))).astype(float)
        scores[rng.random(scores.shape) < 0.2] = np.nan
        start, every = int(rng.integers(0, days + 2)), rng.integers(1, 9, sets)
        levels = rng.integers(0, 4, (sets, days)).astype(float)
        levels[rng.random(levels.shape) < 0.1] = np.inf
        row = rng.integers(0, 3, sets)
        bits = holding_ranks(scores, row, Rankings(days, start, every, levels), rows)
        seen = unpacked(bits, len(rows))
        assert seen.shape == (sets, len(rows))
        for k in range(sets):
            expected = held_day_by_day(scores[row[k]], start, every[k], levels[k], rows)
            np.testing.assert_array_equal(seen[k], expected, err_msg=f"case {case}, set {k}")


@pytest.mark.parametrize("cells", [1, 2**24])
def test_scores_are_ranked_once_for_all_sets_that_share_them(small_market, monkeypatch, cells):
    """However many at a time: the levels are those of each set by itself."""
    monkeypatch.setattr(ranking, "_CELLS", cells)
    grid = {"lookback": (5, 20), "skip": (0, 3), "top": (1, 50, 100), "every": (1, 3, 5)}
    sets = combinations("momentum", grid)
    inside = np.random.default_rng(2).random(small_market.shape) < 0.7
    inside[60:70] = False  # days on which nobody is ranked
    whole = rank_levels(small_market, sets, inside, 25)
    assert np.isinf(whole.levels[0]).any()
    for k in range(len(sets)):
        alone = rank_levels(small_market, sets[k : k + 1], inside, 25)
        assert alone.start == whole.start == 24
        np.testing.assert_array_equal(whole.every[k], alone.every[0])
        levels = whole.levels[k, : alone.levels.shape[1]]
        np.testing.assert_array_equal(levels, alone.levels[0])


def test_a_part_of_the_sets_has_its_part_of_the_rankings(small_market):
    sets = combinations("reversal", {"lookback": (5,), "skip": (0,), "top": (50,), "every": (1, 3)})
    whole = rank_levels(small_market, sets, None, 6)
    part = whole[1:]
    assert (len(whole), len(part), part.days) == (2, 1, len(small_market.dates))
    np.testing.assert_array_equal(part.levels, whole.levels[1:])
