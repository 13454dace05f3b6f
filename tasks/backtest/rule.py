"""What the parameter sets of a family want of one stock after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.arrays.benches import CPU, Bench
from tasks.backtest.ranking import Rankings, holding_ranks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.backtest.combinations import Combinations
    from tasks.backtest.strategies.family import StockBars

    Index = NDArray[np.int64]


def rule_of(
    sets: Combinations, levels: Rankings | None, bench: Bench = CPU
) -> Callable[[StockBars, Index], Any]:
    """What parameter sets of a family with `wanted` or `scores` want.

    Args:
        sets: K parameter sets.
        levels: see `ranking.rank_levels`; needed for `scores` alone.
        bench: what computes.

    Returns:
        From one stock's bars on its m trading days, and their rows on the calendar, (m,), to the
        wishes of every set after each close as bits, uint64 (K, words), see `kernels.bits`.
    """
    kind = sets.family
    if kind.wanted is not None:
        wanted = kind.wanted(sets.values)
        return lambda bars, _: wanted(bars, bench)
    assert kind.scores is not None
    assert levels is not None
    scores, rankings = kind.scores(sets.values), levels
    return lambda bars, rows: holding_ranks(*scores(bars), rankings, rows, bench)
