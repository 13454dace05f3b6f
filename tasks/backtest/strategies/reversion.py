"""Strategies that buy what has fallen and wait for its return."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.backtest.kernels import tables
from tasks.backtest.strategies import latches
from tasks.backtest.strategies.family import Family, Parameter, StockBars, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Words = NDArray[np.uint64]

#: a standard deviation below this fraction of the price is rounding
_STILL = 1e-6


def _between(row: NDArray[np.int64], enter: Array, leave: Array) -> Callable[[Bench, Array], Words]:
    """Hold from a value below `enter` until one above `leave`; NaN decides nothing."""
    begin, end = latches.crossings(row, enter, -1.0), latches.crossings(row, leave, 1.0)

    def held(bench: Bench, table: Array) -> Any:
        starts, stops = begin.bits(bench, table), end.bits(bench, table)
        return latches.held(bench, starts, begin.place, stops, end.place, table.shape[1])

    return held


def _rsi(values: Array) -> Callable[..., Words]:
    windows, (row,) = places(values[:, :1])
    held = _between(row, values[:, 1], values[:, 2])

    def wanted(bars: StockBars, bench: Bench = CPU) -> Words:
        return held(bench, tables.relative_strength(bars.close, windows))

    return wanted


def _bollinger(values: Array) -> Callable[..., Words]:
    windows, (row,) = places(values[:, :1])
    held = _between(row, -values[:, 1], values[:, 2])

    def wanted(bars: StockBars, bench: Bench = CPU) -> Words:
        return held(bench, tables.standard_scores(bars.close, windows, _STILL))

    return wanted


RSI_REVERSAL = Family(
    name="rsi_reversal",
    title="oversold by the relative strength index",
    parameters=(
        Parameter("window", "smoothing in trading days", 2, 500, (2, 4, 6, 9, 14, 21)),
        Parameter("enter", "buy below this index", 0, 100, (10, 15, 20, 25, 30), whole=False),
        Parameter("leave", "sell above this index", 0, 100, (50, 60, 70, 80), whole=False),
    ),
    lookback=lambda values: int(values[:, 0].max()) + 1,
    sensible=lambda values: values[:, 1] < values[:, 2],
    rule="the buying index must lie below the selling one",
    wanted=_rsi,
)

BOLLINGER = Family(
    name="bollinger",
    title="below the lower Bollinger band",
    parameters=(
        Parameter("window", "mean and deviation over trading days", 3, 1000, (10, 20, 40, 60)),
        Parameter(
            "width", "deviations below the mean to buy", 0, 6, (1.0, 1.5, 2.0, 2.5), whole=False
        ),
        Parameter(
            "leave", "deviations above the mean to sell", -3, 6, (0.0, 1.0, 2.0), whole=False
        ),
    ),
    lookback=lambda values: int(values[:, 0].max()),
    sensible=lambda values: -values[:, 1] < values[:, 2],
    rule="the buying band must lie below the selling one",
    wanted=_bollinger,
)
