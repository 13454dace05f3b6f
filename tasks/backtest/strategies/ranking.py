"""Strategies that compare stocks with each other: hold the best share of every ranking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.kernels import tables
from tasks.backtest.strategies.family import Family, Parameter, StockBars, pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]

#: columns of a parameter table
LOOKBACK, SKIP, TOP, EVERY = 0, 1, 2, 3


def _gains(values: Array) -> Callable[[StockBars], tuple[Array, Index]]:
    found, row = pairs(values[:, [LOOKBACK, SKIP]])
    lookbacks, skips = np.ascontiguousarray(found.T, dtype=np.int64)
    return lambda bars: (tables.past_gains(bars.close, lookbacks, skips), row)


def _losses(values: Array) -> Callable[[StockBars], tuple[Array, Index]]:
    gains = _gains(values)

    def losses(bars: StockBars) -> tuple[Array, Index]:
        scores, row = gains(bars)
        return np.negative(scores, out=scores), row

    return losses


def _parameters(lookbacks: tuple[float, ...], skips: tuple[float, ...]) -> tuple[Parameter, ...]:
    return (
        Parameter("lookback", "past return over trading days", 1, 1000, lookbacks),
        Parameter("skip", "latest trading days left out", 0, 250, skips),
        Parameter("top", "share of the stocks held, percent", 0.1, 100, (5, 10, 20), whole=False),
        Parameter("every", "sessions from one ranking to the next", 1, 250, (5, 20)),
    )


def _lookback(values: Array) -> int:
    return int((values[:, LOOKBACK] + values[:, SKIP]).max()) + 1


MOMENTUM = Family(
    name="momentum",
    title="highest past returns",
    parameters=_parameters((20, 60, 120, 250), (0, 5, 20)),
    lookback=_lookback,
    scores=_gains,
)

REVERSAL = Family(
    name="reversal",
    title="lowest past returns",
    parameters=_parameters((1, 3, 5, 10, 20), (0, 1)),
    lookback=_lookback,
    scores=_losses,
)
