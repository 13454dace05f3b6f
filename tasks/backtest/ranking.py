"""Rankings of a sweep: which score was good enough on which day, over the whole universe.

A block of stocks cannot know this by itself, so it is computed once, before the blocks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.backtest.combinations import Combinations
from tasks.backtest.kernels import states
from tasks.backtest.kernels.bits import words
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.strategies.ranking import EVERY, TOP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Index = NDArray[np.int64]

#: scores that are ranked at a time
_CELLS = 2**21


@dataclasses.dataclass(frozen=True)
class Rankings:
    """When each of K parameter sets ranks the stocks, and the lowest score that it chose.

    Attributes:
        days: rows of the calendar.
        start: row of the first ranking of all sets.
        every: rows from one ranking to the next, (K,).
        levels: (K, J), one after the other; infinite where nobody was ranked, and behind a set's
            last ranking.
    """

    days: int
    start: int
    every: Index
    levels: Array

    def __len__(self) -> int:
        return len(self.every)

    def __getitem__(self, selection: slice) -> Rankings:
        return dataclasses.replace(self, every=self.every[selection], levels=self.levels[selection])


def rank_levels(
    panel: Panel, sets: Combinations, universe: Flags | None = None, first: int = 0
) -> Rankings:
    """Lowest chosen score of every ranking.

    A ranking takes place on row `first` - 1 (known after its close, held from row `first` on) and
    every so many sessions after it. Of n ranked stocks the best `top` percent are chosen, rounded
    to a whole number, at least one; equal scores at the border are all chosen.

    Args:
        panel: the whole universe; adjusted here if it is raw. Indices must be left out.
        sets: parameter sets; of a family without rankings the result has none.
        universe: bool (T, N), who may be ranked after the day's close; everyone if not given.
        first: first row on which a position may be held.
    """
    days, start = len(panel.dates), max(first - 1, 0)
    if sets.family.scores is None:
        return Rankings(days, days, np.ones(len(sets), dtype=np.int64), np.empty((len(sets), 0)))
    every = sets.values[:, EVERY].astype(np.int64)
    count = -(-max(days - start, 0) // max(int(every.min(initial=days)), 1))
    found = Rankings(days, start, every, np.full((len(sets), count), np.inf))
    bars = panel.adjusted()
    stocks = list(_stocks(bars))
    ranking_days = _days_of(found)
    kinds, alike = np.unique(sets.values[:, :TOP], axis=0, return_inverse=True)
    firsts = np.unique(alike.reshape(-1), return_index=True)[1]
    size = max(1, _CELLS // max(1, len(ranking_days) * len(panel.symbols)))
    for i in range(0, len(kinds), size):
        scores = _scores(stocks, sets, firsts[i : i + size], ranking_days)
        if universe is not None:
            scores[:, ~np.asarray(universe, dtype=bool)[ranking_days]] = np.nan
        for u in range(len(scores)):
            members = np.flatnonzero(alike.reshape(-1) == i + u)
            _fill_levels(found, scores[u], sets, members, ranking_days)
    return found


def _days_of(found: Rankings) -> Index:
    """Rows of the calendar on which any set ranks, ascending."""
    ranks = np.zeros(found.days, dtype=bool)
    for every in np.unique(found.every):
        ranks[found.start :: every] = True
    return np.flatnonzero(ranks)


def _stocks(bars: Panel) -> Iterator[tuple[Index, StockBars]]:
    """Calendar rows of every stock's trading days, and its bars on them."""
    grids = {n: np.array(bars[n].T, order="C") for n in ("open", "high", "low", "close")}
    whole = np.arange(len(bars.dates))
    for n, close in enumerate(grids["close"]):
        rows = np.flatnonzero(~np.isnan(close))
        if len(rows) == len(whole):
            rows = whole
        else:
            for grid in grids.values():
                grid[n, : len(rows)] = grid[n, rows]
        yield rows, StockBars(**{name: grid[n, : len(rows)] for name, grid in grids.items()})


def _scores(
    stocks: list[tuple[Index, StockBars]], sets: Combinations, numbers: Index, days: Index
) -> Array:
    """Scores of some sets on some days, (U, R, N); NaN where a stock rests or is too young."""
    assert sets.family.scores is not None
    score = sets.family.scores(sets.values[numbers])
    out = np.full((len(numbers), len(days), len(stocks)), np.nan)
    for n, (rows, bars) in enumerate(stocks):
        if len(rows):
            states.placed(*score(bars), rows, days, n, out)
    return out


def _fill_levels(
    found: Rankings, scores: Array, sets: Combinations, members: Index, days: Index
) -> None:
    """Levels of the sets that share these scores (R, N), in place."""
    ranked = (~np.isnan(scores)).sum(axis=1)
    scores.sort(axis=1)  # NaN last
    place = np.zeros(found.days, dtype=np.int64)
    place[days] = np.arange(len(days))
    levels = found.levels[members]
    share = sets.values[members, TOP] / 100.0
    states.borders(scores, ranked, place, found.start, found.every[members], share, levels)
    found.levels[members] = levels


def holding_ranks(
    scores: Array, row: Index, rankings: Rankings, rows: Index, bench: Bench = CPU
) -> Any:
    """Wishes of every parameter set after each close of one stock, as bits (K, words).

    Args:
        scores: (U, m), of the stock on its m trading days; NaN is not ranked.
        row: row of `scores` for each set, (K,).
        rankings: of `rank_levels`.
        rows: calendar rows of the trading days, ascending, (m,); from a row behind the calendar's
            last one on there are none.
        bench: where it is computed.
    """
    traded = states.following(rows, rankings.days)
    known = np.ascontiguousarray(scores)
    if not np.array_equal(rows, traded):  # the stock rests on some days
        inside = rows < rankings.days
        known = np.full((len(scores), rankings.days), np.nan)
        known[:, rows[inside]] = scores[:, inside]
    given = known, row, rankings.start, rankings.every, rankings.levels, traded, len(rows)
    return bench.made(states.ranked, (len(row), words(len(rows))), np.uint64, *given)


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
