"""Accounts of one stock under many parameter sets: all in or all out, filled on the next day.

`wanted[k, t]` says whether parameter set k wants to hold after the close of trading day t; the
order is filled on day t + 1. Two designs with one result: `streaming` walks every day and is plain
enough to check by eye; `events` visits only the days of trades and answers the days between from
tables. Sums over stocks are whole numbers, equal to the last bit in both.

Arguments of both, for m trading days of one stock and T rows of the calendar:

    wanted    uint8 (K, m)    see above
    buyable   bool (m,)       a purchase can be filled on the day
    sellable  bool (m,)       a sale can be filled on the day
    first                     first trading day on which a position may be held
    close     float64 (m,)
    growth    float64 (3, m)  see `outcomes.day_outcomes`
    whole     int64 (3, T)    see `outcomes.fixed_point`
    rows      int64 (m,)      calendar row of each trading day
    sums      int64 (K, T)    returns are added to it
    buys      int32 (K, T)    purchases are counted in it
    sells     int32 (K, T)    sales are counted in it
    out       float64 (K, 5)  growth of 1, sum and sum of squares of the daily returns, worst ratio
                              to the running high, number of purchases
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.outcomes import BOUGHT, HELD, SOLD, extremes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Counts = NDArray[np.int32]

_EIGHT_HELD = np.uint64(0x0101010101010101)
_EIGHT_FREE = np.uint64(0)


@kernel
def streaming(
    wanted: Bytes, buyable: Flags, sellable: Flags, first: int,
    close: Array,  # noqa: ARG001  # one signature for both designs
    growth: Array,
    whole: Whole, rows: Whole, sums: Whole, buys: Counts, sells: Counts, out: Array,
) -> None:  # fmt: skip
    """Walk every day of every parameter set; arguments in the module's docstring."""
    sets, m = wanted.shape
    for k in range(sets):
        equity, peak, worst, total, square, trades = 1.0, 1.0, 1.0, 0.0, 0.0, 0
        held = False
        for t in range(max(first, 1), m):
            wish = wanted[k, t - 1] == 1
            case = HELD
            if wish and not held and buyable[t]:
                case = BOUGHT
                trades += 1
                buys[k, rows[t]] += 1
            elif held and not wish and sellable[t]:
                case = SOLD
                sells[k, rows[t]] += 1
            elif not held:
                continue
            held = case != SOLD
            change = growth[case, t] - 1.0
            equity *= growth[case, t]
            total += change
            square += change * change
            peak = max(peak, equity)
            worst = min(worst, equity / peak)
            sums[k, rows[t]] += whole[case, rows[t]]
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = equity, total, square, worst, trades


@kernel
def events(
    wanted: Bytes, buyable: Flags, sellable: Flags, first: int, close: Array, growth: Array,
    whole: Whole, rows: Whole, sums: Whole, buys: Counts, sells: Counts, out: Array,
) -> None:  # fmt: skip
    """Visit trades only; arguments in the module's docstring."""
    sets, m = wanted.shape
    words = np.zeros(m // 8 + 2, dtype=np.uint64)
    held = words.view(np.uint8)
    blocked = np.flatnonzero(~(buyable & sellable))
    ranges = extremes(close)
    plain, squares = _running_sums(growth)
    for k in range(sets):
        _positions(wanted[k], buyable, sellable, blocked, first, held)
        equity, peak, worst, total, square, trades = 1.0, 1.0, 1.0, 0.0, 0.0, 0
        day = first
        while True:
            bought = _next_day(held, words, day, m, 1)
            if bought >= m:
                break
            day = _next_day(held, words, bought + 1, m, 0)
            change = growth[BOUGHT, bought] - 1.0
            total += change + (plain[day - 1] - plain[bought])
            square += change * change + (squares[day - 1] - squares[bought])
            scale = equity * growth[BOUGHT, bought] / close[bought]
            peak, worst = _span(ranges, bought, day, scale, peak, worst)
            equity = scale * close[day - 1]
            start, stop = rows[bought], rows[day - 1] + 1
            _add(sums[k], whole, start, stop)
            buys[k, start] += 1
            trades += 1
            if day < m:
                change = growth[SOLD, day] - 1.0
                total += change
                square += change * change
                equity *= growth[SOLD, day]
                peak = max(peak, equity)
                worst = min(worst, equity / peak)
                sums[k, rows[day]] += whole[SOLD, rows[day]]
                sells[k, rows[day]] += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = equity, total, square, worst, trades


@step
def _running_sums(growth: Array) -> tuple[Array, Array]:
    """Sums and sums of squares of the held days' returns up to each day, both (m,)."""
    m = growth.shape[1]
    plain, squares = np.zeros(m), np.zeros(m)
    for t in range(1, m):
        change = growth[HELD, t] - 1.0
        plain[t] = plain[t - 1] + change
        squares[t] = squares[t - 1] + change * change
    return plain, squares


@step
def _positions(
    wanted: Bytes, buyable: Flags, sellable: Flags, blocked: Whole, first: int, out: Bytes
) -> None:
    """Holdings after each day, 0 or 1: the wish of the day before, unless its order is blocked.

    A blocked order changes nothing; the wish of the next close is tried on the day after.
    """
    m = len(wanted)
    start = max(first, 1)
    for t in range(start):
        out[t] = 0
    later = out[start:]
    for t in range(m - start):  # counts from zero: the compiler then moves many bytes at once
        later[t] = wanted[t + start - 1]
    for t in range(m - start, len(later)):
        later[t] = 0
    for t in blocked:
        if t >= start and out[t] != out[t - 1] and not (buyable[t] if out[t] == 1 else sellable[t]):
            out[t] = out[t - 1]


@step
def _next_day(held: Bytes, words: NDArray[np.uint64], start: int, stop: int, value: int) -> int:
    """First day from `start` on whose holding is `value`, or `stop`; eight days at a glance."""
    skip = _EIGHT_FREE if value == 1 else _EIGHT_HELD
    t = start
    while t < stop and (t & 7) != 0:
        if held[t] == value:
            return t
        t += 1
    while t < stop and words[t >> 3] == skip:
        t += 8
    while t < stop:
        if held[t] == value:
            return t
        t += 1
    return stop


@step
def _span(
    ranges: Array, start: int, stop: int, scale: float, peak: float, worst: float
) -> tuple[float, float]:
    """High and worst fall after the closes from `start` to `stop` (excluded), times `scale`.

    The span is cut into the largest aligned dyadic runs, in order and without overlap.
    """
    levels = ranges.shape[1]
    i = start
    while i < stop:
        level = 0
        while level + 1 < levels and (i >> level) & 1 == 0 and i + (2 << level) <= stop:
            level += 1
        place = i >> level
        low = scale * ranges[1, level, place]
        if low < worst * peak:
            worst = low / peak
        worst = min(worst, ranges[2, level, place])
        peak = max(peak, scale * ranges[0, level, place])
        i += 1 << level
    return peak, worst


@step
def _add(sums: Whole, whole: Whole, start: int, stop: int) -> None:
    """Add the bought day's return at row `start` and the held days' up to `stop` (excluded)."""
    sums[start] += whole[BOUGHT, start]
    target, held = sums[start + 1 : stop], whole[HELD, start + 1 : stop]
    for i in range(len(target)):
        target[i] += held[i]
