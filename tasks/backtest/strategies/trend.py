"""Strategies that follow a trend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.backtest.kernels import moving, states, tables
from tasks.backtest.kernels.bits import words
from tasks.backtest.strategies import latches
from tasks.backtest.strategies.family import Family, Parameter, StockBars, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Words = NDArray[np.uint64]

#: two averages count as equal within this fraction: of a price that does not move, both averages
#: are that price, and the last bit of a division must not make a trade
BAND = 1e-12


def _crossing(values: Array) -> Callable[..., Words]:
    windows, (fast, slow) = places(values)

    def wanted(bars: StockBars, bench: Bench = CPU) -> Any:
        table = moving.moving_averages(bars.close, windows)
        shape = len(fast), words(len(bars.close))
        return bench.made(moving.above, shape, np.uint64, table, fast, slow, BAND)

    return wanted


def _macd(values: Array) -> Callable[..., Words]:
    windows, (fast, slow) = places(values[:, :2])
    signal = values[:, 2].astype(np.int64)

    def wanted(bars: StockBars, bench: Bench = CPU) -> Any:
        table = tables.exponential_averages(bars.close, windows)
        shape, given = (len(fast), words(len(bars.close))), (windows, signal, bars.close, BAND)
        return bench.made(states.macd, shape, np.uint64, table, fast, slow, *given)

    return wanted


def _breakout(values: Array) -> Callable[..., Words]:
    up, (enter,) = places(values[:, :1])
    down, (leave,) = places(values[:, 1:])

    def wanted(bars: StockBars, bench: Bench = CPU) -> Any:
        highest = tables.earlier_extremes(bars.high, up, 1.0)
        lowest = tables.earlier_extremes(bars.low, down, -1.0)
        begin = latches.outside(bench, bars.close, highest, 1.0)
        end = latches.outside(bench, bars.close, lowest, -1.0)
        return latches.held(bench, begin, enter, end, leave, len(bars.close))

    return wanted


MA_CROSS = Family(
    name="ma_cross",
    title="crossing moving averages",
    parameters=(
        Parameter(
            "fast", "window of the fast average in trading days", 1, 1000, tuple(range(5, 61, 5))
        ),
        Parameter(
            "slow", "window of the slow average in trading days", 2, 2000, tuple(range(20, 241, 10))
        ),
    ),
    lookback=lambda values: int(values[:, 1].max()),
    sensible=lambda values: values[:, 0] < values[:, 1],
    rule="the fast window must be shorter than the slow one",
    wanted=_crossing,
)

MACD = Family(
    name="macd",
    title="MACD above its signal line",
    parameters=(
        Parameter("fast", "window of the fast average in trading days", 1, 500, (6, 12, 18, 24)),
        Parameter("slow", "window of the slow average in trading days", 2, 1000, (26, 39, 52, 78)),
        Parameter("signal", "window of the signal line in trading days", 1, 250, (5, 9, 15)),
    ),
    lookback=lambda values: int((values[:, 1] + values[:, 2]).max()) - 1,
    sensible=lambda values: values[:, 0] < values[:, 1],
    rule="the fast window must be shorter than the slow one",
    wanted=_macd,
)

BREAKOUT = Family(
    name="breakout",
    title="close above the channel of earlier highs",
    parameters=(
        Parameter(
            "enter", "earlier highs to exceed, trading days", 1, 1000, (10, 20, 30, 40, 60, 90, 120)
        ),
        Parameter("leave", "earlier lows to fall below, trading days", 1, 1000, (5, 10, 20, 40)),
    ),
    lookback=lambda values: int(values.max()) + 1,
    sensible=lambda values: values[:, 1] <= values[:, 0],
    rule="the leaving window must not be longer than the entering one",
    wanted=_breakout,
)
