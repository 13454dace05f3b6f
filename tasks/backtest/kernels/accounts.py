"""Accounts of one stock under many parameter sets, filled on the next day.

`wanted[k, t]` says whether parameter set k wants to hold after the close of trading day t; the
order is filled on day t + 1. Two designs with one result: `streaming` walks every day and is plain
enough to check by eye; `events` visits only the days of trades and answers the days between from
tables. Sums over stocks are whole numbers, equal to the last bit in both. `partial` holds any
fraction of the account instead of all or nothing.

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
    buys      int32 (K, T)    bought thousandths of accounts are added to it
    sells     int32 (K, T)    sold thousandths of accounts are added to it
    out       float64 (K, 5)  growth of 1, sum and sum of squares of the daily returns, worst ratio
                              to the running high, number of purchases

and of `partial`:

    weights   float64 (K, m)  fraction to be invested after the next fill, 0 to 1
    steps     float64 (K,)    smallest difference of weights that is worth a trade
    fillable  bool (m,)       orders can be filled on the day
    fill      float64 (m,)    price of the fills
    buy_fee   float64 (m,)    fraction of the bought value; `sell_fee` likewise
    slippage                  fraction of the price
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.outcomes import BOUGHT, HELD, SOLD, UNIT, extremes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Counts = NDArray[np.int32]

# Indices are made unsigned where a loop is hot: numba then leaves out the test for negative ones
# and the compiler takes several days at once.
_EIGHT_HELD = np.uint64(0x0101010101010101)
_EIGHT_FREE = np.uint64(0)
#: parts of an account in which purchases and sales are counted
WHOLE = 1000


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
                buys[k, rows[t]] += WHOLE
            elif held and not wish and sellable[t]:
                case = SOLD
                sells[k, rows[t]] += WHOLE
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
    changes = np.empty(m + 2, dtype=np.int64)
    blocked = np.flatnonzero(~(buyable & sellable))
    ranges = extremes(close)
    high, low, fall = ranges[0], ranges[1], ranges[2]
    plain, squares = _running_sums(growth)
    bought_growth, sold_growth = growth[BOUGHT], growth[SOLD]
    held_return, bought_return, sold_return = whole[HELD], whole[BOUGHT], whole[SOLD]
    for k in range(sets):
        _positions(wanted[k], buyable, sellable, blocked, first, held)
        total_sums, all_buys, all_sells = sums[k], buys[k], sells[k]
        equity, peak, worst, total, square, trades = 1.0, 1.0, 1.0, 0.0, 0.0, 0
        for i in range(0, _changes(words, changes), 2):
            bought, day = changes[i], changes[i + 1]
            change = bought_growth[bought] - 1.0
            total += change + (plain[day - 1] - plain[bought])
            square += change * change + (squares[day - 1] - squares[bought])
            scale = equity * bought_growth[bought] / close[bought]
            peak, worst = _span(high, low, fall, bought, day, scale, peak, worst)
            equity = scale * close[day - 1]
            start, stop = rows[bought], rows[day - 1] + 1
            total_sums[start] += bought_return[start]
            for row in range(start + 1, stop):
                total_sums[np.uint64(row)] += held_return[np.uint64(row)]
            all_buys[start] += WHOLE
            trades += 1
            if day < m:
                change = sold_growth[day] - 1.0
                total += change
                square += change * change
                equity *= sold_growth[day]
                peak = max(peak, equity)
                worst = min(worst, equity / peak)
                total_sums[rows[day]] += sold_return[rows[day]]
                all_sells[rows[day]] += WHOLE
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = equity, total, square, worst, trades


@kernel
def partial(
    weights: Array, steps: Array, fillable: Flags, first: int, close: Array, fill: Array,
    buy_fee: Array, sell_fee: Array, slippage: float, rows: Whole, sums: Whole, buys: Counts,
    sells: Counts, out: Array,
) -> None:  # fmt: skip
    """Follow a wished fraction of each account; further arguments in the module's docstring."""
    sets, m = weights.shape
    for k in range(sets):
        cash, stock, peak, worst, total, square, trades = 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0
        for t in range(max(first, 1), m):
            before = cash + stock
            if not fillable[t]:
                stock *= close[t] / close[t - 1]
            else:
                stock *= fill[t] / close[t - 1]
                value, wish = cash + stock, weights[k, t - 1]
                gap = wish * value - stock
                closes = wish == 0.0 and stock > 0.0
                if gap > steps[k] * value:
                    price = (1.0 + slippage) * (1.0 + buy_fee[t])
                    amount = min(gap, cash / price)
                    cash -= amount * price
                    stock += amount
                    buys[k, rows[t]] += np.int32(np.rint(amount / value * WHOLE))
                    trades += 1
                elif closes or -gap > steps[k] * value:
                    amount = stock if closes else -gap
                    cash += amount * (1.0 - slippage) * (1.0 - sell_fee[t])
                    stock = 0.0 if closes else stock - amount
                    sells[k, rows[t]] += np.int32(np.rint(amount / value * WHOLE))
                stock *= close[t] / fill[t]
            equity = cash + stock
            change = equity / before - 1.0
            total += change
            square += change * change
            peak = max(peak, equity)
            worst = min(worst, equity / peak)
            sums[k, rows[t]] += np.int64(np.rint(change * UNIT))
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = cash + stock, total, square, worst
        out[k, 4] = trades


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
def _changes(words: NDArray[np.uint64], out: Whole) -> int:
    """Write the days on which the holding changes, eight days at a glance; returns their number.

    The bytes of `words` are the holdings of consecutive days, zero after the last one: changes come
    in pairs of a purchase and a sale, the last sale perhaps the day after the last.
    """
    count, before, same = 0, np.uint64(0), _EIGHT_FREE
    for w in range(len(words)):
        if words[w] == same:
            continue
        eight = words[w]
        for day in range(8):
            now = eight & np.uint64(1)
            eight >>= np.uint64(8)
            if now != before:
                out[count] = 8 * w + day
                count += 1
                before = now
        same = _EIGHT_HELD if before == np.uint64(1) else _EIGHT_FREE
    return count


@step
def _span(
    high: Array, low: Array, fall: Array, start: int, stop: int, scale: float, peak: float,
    worst: float,
) -> tuple[float, float]:  # fmt: skip
    """High and worst fall after the closes from `start` to `stop` (excluded), times `scale`.

    The span is cut into the largest aligned dyadic runs, in order and without overlap.
    """
    levels = high.shape[0]
    i = start
    while i < stop:
        level = 0
        while level + 1 < levels and (i >> level) & 1 == 0 and i + (2 << level) <= stop:
            level += 1
        place = i >> level
        lowest = scale * low[level, place]
        if lowest < worst * peak:
            worst = lowest / peak
        worst = min(worst, fall[level, place])
        peak = max(peak, scale * high[level, place])
        i += 1 << level
    return peak, worst
