"""Accounts of one stock under many parameter sets, filled on the next day.

Bit t of `wanted[k]` says whether parameter set k wants to hold after the close of trading day t;
the order is filled on day t + 1. `streaming` walks every day and is plain enough to check by eye;
`traces` gives the same from the days of trades alone, and sums over stocks, which are whole
numbers, to the last bit. `partial` holds any fraction of the account instead of all or nothing.

Arguments of `streaming`, for m trading days of one stock and T rows of the calendar:

    wanted    uint64 (K, words)   see above, and `bits`
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

from tasks.arrays.compiling import end_lane, first_lane, kernel
from tasks.backtest.kernels.bits import is_set
from tasks.backtest.kernels.outcomes import BOUGHT, HELD, SOLD, UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Counts = NDArray[np.int32]

#: parts of an account in which purchases and sales are counted
WHOLE = 1000


@kernel
def streaming(
    wanted: Words, buyable: Flags, sellable: Flags, first: int, growth: Array, whole: Whole,
    rows: Whole, sums: Whole, buys: Counts, sells: Counts, out: Array,
) -> None:  # fmt: skip
    """Walk every day of every parameter set; arguments in the module's docstring."""
    sets, m = len(wanted), len(buyable)
    for k in range(first_lane(sets), end_lane(sets)):
        equity, peak, worst, total, square, trades = 1.0, 1.0, 1.0, 0.0, 0.0, 0
        held = False
        for t in range(max(first, 1), m):
            wish = is_set(wanted[k], t - 1)
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
def partial(
    weights: Array, steps: Array, fillable: Flags, first: int, close: Array, fill: Array,
    buy_fee: Array, sell_fee: Array, slippage: float, rows: Whole, sums: Whole, buys: Counts,
    sells: Counts, out: Array,
) -> None:  # fmt: skip
    """Follow a wished fraction of each account; further arguments in the module's docstring."""
    sets, m = weights.shape
    for k in range(first_lane(sets), end_lane(sets)):
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
