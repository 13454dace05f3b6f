"""Rankings of a sweep, and who is held after them."""

import numpy as np

from tasks.backtest.ranking import holding_ranks


def held_day_by_day(scores, levels, rows):
    """The rule as it is said: walk the calendar and look at each ranking."""
    out, held = [], False
    trading = {int(day): t for t, day in enumerate(rows)}
    for day, level in enumerate(levels):
        t = trading.get(day)
        if not np.isnan(level):
            held = t is not None and bool(scores[t] >= level)
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
        levels = rng.integers(0, 4, (sets, days)).astype(float)
        levels[rng.random(levels.shape) < rng.choice([0.0, 0.5, 0.9])] = np.nan
        levels[rng.random(levels.shape) < 0.05] = np.inf
        row = rng.integers(0, 3, sets)
        seen = holding_ranks(scores, row, levels, rows)
        assert seen.shape == (sets, len(rows))
        for k in range(sets):
            expected = held_day_by_day(scores[row[k]], levels[k], rows)
            np.testing.assert_array_equal(seen[k], expected, err_msg=f"case {case}, set {k}")
