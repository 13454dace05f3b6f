"""What a strategy wants after each close, on the calendar: for whoever must look at it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.kernels.bits import unpacked
from tasks.backtest.ranking import rank_levels
from tasks.backtest.rule import rule_of
from tasks.backtest.strategies.family import StockBars
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.backtest.combinations import Combinations
    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

PRICES = ("open", "high", "low", "close")


def signals(panel: Panel, sets: Combinations, universe: Flags) -> dict[str, Array]:
    """Each parameter set's wishes.

    Args:
        panel: adjusted bars of the stocks, without indices.
        sets: parameter sets of one strategy.
        universe: bool (T, N), who may be wanted after the day's close.

    Returns:
        The set in words to (T, N): the fraction of an account that is wanted in the stock after
        the day's close; 0 on days without trading.

    Raises:
        UserError: what a user's strategy says about a set that has no wishes.
    """
    kind, first = sets.family, sets.lookback
    out = np.zeros((len(sets), *panel.shape))
    if kind.wishes is not None:
        for k, grid in enumerate(kind.wishes(panel, universe, sets.values, first)):
            if isinstance(grid, UserError):
                raise grid
            out[k] = grid
    else:
        levels = rank_levels(panel, sets, universe, first)
        if kind.weights is not None:
            weigh = kind.weights(sets.values)
        else:
            rule = rule_of(sets, levels)
        grids = {name: np.ascontiguousarray(panel[name].T) for name in PRICES}
        for n in range(panel.shape[1]):
            rows = np.flatnonzero(~np.isnan(panel["close"][:, n]))
            if len(rows) < 2:
                continue
            bars = StockBars(**{name: grid[n, rows] for name, grid in grids.items()})
            if kind.weights is not None:
                out[:, rows, n] = weigh(bars)
            else:
                out[:, rows, n] = unpacked(rule(bars, rows), len(rows))
    out[:, ~universe] = 0.0
    return {_words(sets, k): out[k] for k in range(len(sets))}


def _words(sets: Combinations, k: int) -> str:
    """`ma_cross fast 5 slow 20`."""
    pairs = zip(sets.names, sets.values[k], strict=True)
    return " ".join([sets.strategy, *(f"{name} {value:g}" for name, value in pairs)])
