"""Rankings of a sweep: which score was good enough on which day, over the whole universe.

A block of stocks cannot know this by itself, so it is computed once, before the blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.backtest.combinations import Combinations
from tasks.backtest.kernels import states
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.strategies.ranking import EVERY, TOP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Index = NDArray[np.int64]


def rank_levels(
    panel: Panel, sets: Combinations, universe: Flags | None = None, first: int = 0
) -> Array:
    """Lowest chosen score of every ranking, (K, T); NaN on days without one.

    A ranking takes place on row `first` - 1 (known after its close, held from row `first` on) and
    every so many sessions after it. Of n ranked stocks the best `top` percent are chosen, rounded
    to a whole number, at least one; equal scores at the border are all chosen.

    Args:
        panel: the whole universe; adjusted here if it is raw. Indices must be left out.
        sets: parameter sets; of a family without rankings the result has no columns.
        universe: bool (T, N), who may be ranked after the day's close; everyone if not given.
        first: first row on which a position may be held.
    """
    kind = sets.family
    if kind.scores is None:
        return np.empty((len(sets), 0))
    bars = panel.adjusted()
    stocks = {n: np.ascontiguousarray(bars[n].T) for n in ("open", "high", "low", "close")}
    out = np.full((len(sets), len(bars.dates)), np.nan)
    scored, alike = np.unique(sets.values[:, :EVERY][:, :TOP], axis=0, return_inverse=True)
    for u in range(len(scored)):
        members = np.flatnonzero(alike.reshape(-1) == u)
        scores = _scores(stocks, sets, int(members[0]))
        if universe is not None:
            scores[~np.asarray(universe, dtype=bool)] = np.nan
        _fill_levels(out, scores, sets, members, first)
    return out


def _scores(stocks: dict[str, Array], sets: Combinations, number: int) -> Array:
    """One set's scores on the calendar, (T, N); NaN where a stock rests or is too young."""
    kind = sets.family
    assert kind.scores is not None
    close = stocks["close"]
    out = np.full(close.T.shape, np.nan)
    for n in range(len(close)):
        rows = np.flatnonzero(~np.isnan(close[n]))
        if len(rows):
            stock = StockBars(**{name: grid[n, rows] for name, grid in stocks.items()})
            table, row = kind.scores(stock, sets.values[[number]])
            out[rows, n] = table[row[0]]
    return out


def _fill_levels(
    out: Array, scores: Array, sets: Combinations, members: NDArray[np.int64], first: int
) -> None:
    """Levels of the sets that share these scores, in place."""
    days, count = scores.shape
    for every in np.unique(sets.values[members, EVERY]):
        rows = np.arange(max(first - 1, 0), days, int(every))
        ordered = -np.sort(-scores[rows], axis=1)  # NaN last
        ranked = (~np.isnan(scores[rows])).sum(axis=1)
        for k in members[sets.values[members, EVERY] == every]:
            share = sets.values[k, TOP] / 100.0
            chosen = np.maximum(np.floor(ranked * share + 0.5).astype(np.int64), 1)
            level = ordered[np.arange(len(rows)), np.minimum(chosen, count) - 1]
            out[k, rows] = np.where(ranked > 0, level, np.inf)


def holding_ranks(scores: Array, row: Index, levels: Array, rows: Index, bench: Bench = CPU) -> Any:
    """Wishes of every parameter set after each close of one stock, uint8 (K, m).

    Args:
        scores: (U, m), of the stock on its m trading days; NaN is not ranked.
        row: row of `scores` for each set, (K,).
        levels: (K, T) of `rank_levels`.
        rows: calendar rows of the trading days, ascending, (m,).
        bench: where it is computed.
    """
    traded = np.searchsorted(rows, np.arange(levels.shape[1]))
    shape = len(levels), len(rows)
    return bench.made(states.ranked, shape, np.uint8, scores, row, levels, rows, traded)


def chosen(scores: Array, universe: Flags, top: float, every: int, first: int) -> Flags:
    """Who is held after each close by a ranking, bool (T, N): the rules of `rank_levels`.

    Args:
        scores: (T, N), the highest are chosen; NaN is not ranked.
        universe: bool (T, N), who may be ranked after the day's close.
        top: share of the ranked stocks that is chosen, percent.
        every: sessions from one ranking to the next.
        first: first row on which a position may be held.
    """
    known = np.where(universe, scores, np.nan)
    out = np.zeros(known.shape, dtype=bool)
    start = max(first - 1, 0)
    for row in range(start, len(known), every):
        ranked = np.sort(known[row][~np.isnan(known[row])])
        if len(ranked):
            number = max(int(np.floor(len(ranked) * top / 100.0 + 0.5)), 1)
            out[row : row + every] = known[row] >= ranked[-min(number, len(ranked))]
    return out
