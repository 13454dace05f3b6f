"""One portfolio, day by day: corporate actions, sales, purchases, marks; every step is booked.

Only one moment a day trades (the fill), so nothing bought on a day can be sold on it: T+1 holds by
construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.bounds import POSITIVE, outside
from tasks.backtest.kernels.holdings import BOOKING, Book, Market, act, mark
from tasks.backtest.kernels.orders import (
    COMMISSION,
    QUANTITY,
    REFUSAL,
    SLIP,
    STAMP,
    TRANSFER,
    VALUE,
    WANTED,
    Terms,
    buy,
    cap_by_volume,
    check_limits,
    concerned,
    hold_back,
    left_open,
    positions,
    sell,
    usable,
    wish,
    worth,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Index = NDArray[np.int64]


class Desk(NamedTuple):
    """Where the orders of a day are made out.

    Attributes:
        slips: (N, SLIP), see `orders`; zero where there is none.
        wishes: (N,).
        price: (N,).
        who: columns with orders.
        owned: columns of what is held.
        opened: columns of orders that stay open.
        reasons: what stopped the last order of each stock, (N,).
    """

    slips: Array
    wishes: Array
    price: Array
    who: Index
    owned: Index
    opened: Index
    reasons: Array


@kernel
def simulate(
    m: Market, targets: Array, decides: Flags, k: Terms, cash: float, held: Array, log: Array
) -> tuple[Array, Array, Array, int]:
    """Run the books.

    Args:
        m: bars and actions.
        targets: weights or shares known after the close of each row, (T, N).
        decides: rows on which targets are set, (T,); the others change nothing, but that orders
            which stay open are tried again.
        k: how orders are filled and charged.
        cash: at the start, CNY.
        held: gets the shares held after each day, (T, N).
        log: room for slips, (L, 2 + SLIP); replaced where it does not suffice.

    Returns:
        days (T, 4): cash, equity, value traded, fees; slips (K, 2 + SLIP) of trades and refusals:
        row, column and the columns of `orders`; bookings (L, 5), see `holdings`; how many prices
        are zero, negative or infinite: with any, nothing is run.
    """
    rows, count = m.close.shape
    days = np.zeros((rows, 4))
    used, booked, noted = 0, np.empty((256, BOOKING)), 0
    # at most five bookings of one stock a day, and one row that counts them
    notes = np.zeros((5 * count + 1, BOOKING))
    book = Book(
        np.zeros(count), np.full(count, np.nan), np.full(count, np.nan), np.zeros(count), notes
    )
    # one place more than stocks: what is written behind the last column that counts is not read
    desk = Desk(
        np.zeros((count, SLIP)), np.zeros(count), np.empty(count),
        np.zeros(count + 1, dtype=np.int64), np.zeros(count + 1, dtype=np.int64),
        np.zeros(count + 1, dtype=np.int64), np.zeros(count),
    )  # fmt: skip
    bad = outside(m.close.reshape(-1), POSITIVE) + outside(m.fill.reshape(-1), POSITIVE)
    owning, waiting, decided = 0, 0, 0
    for t in range(rows if bad == 0 else 0):
        cash = act(m, t, k.ruled, k.subscribe, book, cash)
        fresh = t > 0 and decides[t - 1]
        if fresh or waiting > 0:
            decided = t - 1 if fresh else decided
            if fresh:
                orders = concerned(targets[decided], book.shares, desk.who)
            else:
                orders = waiting
                desk.who[:waiting] = desk.opened[:waiting]
            who = desk.who[:orders]
            cash = _trade(m, targets[decided], t, k, desk, who, fresh, owning, book, cash)
            if k.waits:
                waiting = left_open(who, desk.slips, fresh, desk.opened, desk.reasons)
            log = _with_room(log, used + orders)
            used = _file(desk.slips, who, t, log, used, days[t])
            # only purchases begin to hold; what is sold or booked out meanwhile counts as nothing
            owning = positions(book.shares, desk.owned)
        cash = mark(m.close[t], t, k.ruled, book, cash)
        for row in range(int(notes[-1, 0])):
            booked = _with_room(booked, noted)
            booked[noted] = notes[row]
            noted += 1
        notes[-1, 0] = 0.0
        days[t, 0] = cash
        days[t, 1] = cash + worth(desk.owned[:owning], book.shares, book.last, book.last)
        held[t] = book.shares
    return days, log[:used], booked[:noted], bad


@step
def _trade(
    m: Market, target: Array, t: int, k: Terms, desk: Desk, who: Index, fresh: bool, owning: int,
    book: Book, cash: float,
) -> float:  # fmt: skip
    """The orders of one day for some stocks; returns the cash."""
    price, wishes, slips = desk.price, desk.wishes, desk.slips
    for n in range(len(price)):
        price[n] = usable(m.fill[t, n], m.close[t, n])
    value = cash + worth(desk.owned[:owning], book.shares, price, book.last)
    wish(who, target, value, book.shares, price, book.last, k, wishes, slips)
    floor, ceiling = price, price
    if k.ruled:
        floor, ceiling = m.down[t], m.up[t]
        check_limits(who, price, ceiling, floor, k.touch, wishes, slips)
    if k.cap > 0.0:
        cap_by_volume(who, m.volume[t], k.cap, wishes, slips)
    before = cash
    cash = sell(who, price, floor, t, k, wishes, book.shares, slips, cash)
    if not fresh and cash <= before:
        hold_back(who, price, desk.reasons, wishes, slips)
    return float(buy(who, price, ceiling, t, k, wishes, book.shares, slips, cash))


@step
def _file(slips: Array, who: Index, t: int, log: Array, used: int, day: Array) -> int:
    """Move the day's slips to the log, add up value and fees; returns the end of the log."""
    for n in who:
        quantity = slips[n, QUANTITY]
        if slips[n, WANTED] != 0.0 and (quantity != 0.0 or slips[n, REFUSAL] != 0.0):
            log[used, 0], log[used, 1] = t, n
            for i in range(SLIP):
                log[used, 2 + i] = slips[n, i]
            used += 1
            day[2] += slips[n, VALUE] if quantity != 0.0 else 0.0
            day[3] += slips[n, COMMISSION] + slips[n, STAMP] + slips[n, TRANSFER]
        for i in range(SLIP):
            slips[n, i] = 0.0
    return used


@step
def _with_room(log: Array, used: int) -> Array:
    """The same rows, with room for at least one more than so many."""
    if used < len(log):
        return log
    # what is never written takes no memory, and to copy often would take the time
    wider = np.empty((4 * used + 1, log.shape[1]))
    wider[: len(log)] = log
    return wider
