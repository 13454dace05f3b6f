"""Strategies that size a position by its risk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.kernels import tables
from tasks.backtest.strategies.family import Family, Parameter, StockBars, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_YEAR = 244.0


def _target(values: Array) -> Callable[[StockBars], Array]:
    """Target volatility over the realised one, at most 1, moved only by whole steps.

    The weight follows its goal when the two differ by more than the step; NaN keeps it.
    """
    windows, (row,) = places(values[:, :1])

    def weights(bars: StockBars) -> Array:
        realised = tables.volatilities(bars.close, windows)[row] * np.sqrt(_YEAR) * 100.0
        with np.errstate(divide="ignore"):
            goal = np.minimum(values[:, 1:2] / realised, 1.0)
        return np.where(np.isnan(goal), 0.0, goal)

    return weights


VOLATILITY_TARGET = Family(
    name="volatility_target",
    title="invested in inverse proportion to volatility",
    parameters=(
        Parameter("window", "realised volatility over trading days", 2, 1000, (10, 20, 40, 60)),
        Parameter(
            "target", "volatility a year to aim at, percent", 1, 200, (10, 15, 20, 30), whole=False
        ),
        Parameter(
            "step", "change of weight worth a trade, percent of the account", 0, 100, (5, 10, 20),
            whole=False,
        ),
    ),
    lookback=lambda values: int(values[:, 0].max()) + 1,
    weights=_target,
)  # fmt: skip
