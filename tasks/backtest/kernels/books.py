"""One portfolio, day by day: corporate actions, sales, purchases, marks; every step is booked.

Only one moment a day trades (the fill), so nothing bought on a day can be sold on it: T+1 holds by
construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.holdings import BOOKING, Book, Market, act, mark
from tasks.backtest.kernels.orders import (
    COMMISSION,
    PRICE,
    QUANTITY,
    REFUSAL,
    SLIP,
    STAMP,
    TRANSFER,
    WANTED,
    Terms,
    buy,
    cap_by_volume,
    check_limits,
    sell,
    usable,
    wish,
    worth,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@kernel
def simulate(
    m: Market, targets: Array, decides: Flags, k: Terms, cash: float
) -> tuple[Array, Array, Array, Array]:
    """Run the books.

    Args:
        m: bars and actions.
        targets: weights or shares known after the close of each row, (T, N).
        decides: rows on which targets are set, (T,); the others change nothing.
        k: how orders are filled and charged.
        cash: at the start, CNY.

    Returns:
        days (T, 4): cash, equity, value traded, fees; held shares (T, N); slips (K, 2 + SLIP) of
        trades and refusals: row, column and the columns of `orders`; bookings (L, 5), see
        `holdings`.
    """
    rows, count = m.close.shape
    days, held = np.zeros((rows, 4)), np.zeros((rows, count))
    log, used = np.empty((256, SLIP + 2)), 0
    booked, noted = np.empty((256, BOOKING)), 0
    # at most five bookings of one stock a day, and one row that counts them
    notes = np.zeros((5 * count + 1, BOOKING))
    book = Book(
        np.zeros(count), np.full(count, np.nan), np.full(count, np.nan), np.zeros(count), notes
    )
    slips, wishes, price = np.zeros((count, SLIP)), np.zeros(count), np.empty(count)
    for t in range(rows):
        cash = act(m, t, k.ruled, k.subscribe, book, cash)
        if t > 0 and decides[t - 1]:
            cash = _trade(m, targets[t - 1], t, k, wishes, price, book, slips, cash)
            for n in range(count):
                if slips[n, WANTED] != 0.0:
                    if slips[n, QUANTITY] != 0.0 or slips[n, REFUSAL] != 0.0:
                        log = _with_room(log, used)
                        log[used, 0], log[used, 1] = t, n
                        log[used, 2:] = slips[n]
                        used += 1
                        days[t, 2] += abs(slips[n, QUANTITY]) * slips[n, PRICE]
                        days[t, 3] += slips[n, COMMISSION] + slips[n, STAMP] + slips[n, TRANSFER]
                    slips[n] = 0.0
        cash = mark(m.close[t], t, k.ruled, book, cash)
        for row in range(int(notes[-1, 0])):
            booked = _with_room(booked, noted)
            booked[noted] = notes[row]
            noted += 1
        notes[-1, 0] = 0.0
        days[t, 0] = cash
        days[t, 1] = cash + worth(book.shares, book.last, book.last)
        held[t] = book.shares
    return days, held, log[:used], booked[:noted]


@step
def _trade(
    m: Market, target: Array, t: int, k: Terms, wishes: Array, price: Array, book: Book,
    slips: Array, cash: float,
) -> float:  # fmt: skip
    """The orders of one day; returns the cash."""
    for n in range(len(price)):
        price[n] = usable(m.fill[t, n], m.close[t, n])
    value = cash + worth(book.shares, price, book.last)
    wish(target, value, book.shares, price, book.last, k, wishes, slips)
    floor, ceiling = price, price
    if k.ruled:
        floor, ceiling = m.down[t], m.up[t]
        check_limits(price, ceiling, floor, k.touch, wishes, slips)
    if k.cap > 0.0:
        cap_by_volume(m.volume[t], k.cap, wishes, slips)
    cash = sell(price, floor, t, k, wishes, book.shares, slips, cash)
    return float(buy(price, ceiling, t, k, wishes, book.shares, slips, cash))


@kernel
def first_unusable(prices: Array) -> int:
    """Place in the flattened grid of the first price that is zero, negative or infinite; -1."""
    flat = prices.reshape(-1)
    bad = 0
    for i in range(len(flat)):  # without a way out, so that the compiler takes several at once
        bad += (flat[i] <= 0.0) | (flat[i] == np.inf)
    for i in range(len(flat) if bad else 0):
        if flat[i] <= 0.0 or flat[i] == np.inf:
            return i
    return -1


@step
def _with_room(log: Array, used: int) -> Array:
    """The same rows, with room for at least one more."""
    if used < len(log):
        return log
    wider = np.empty((2 * len(log), log.shape[1]))
    wider[: len(log)] = log
    return wider
