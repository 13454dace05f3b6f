"""What happens to holdings without an order: dividends, new shares, rights, the end of a listing.

Everything is booked on the ex-day, before the day's orders, from what is known on that day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import step
from tasks.market.limit_kernel import ex_right

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: kinds of bookings: shares by the growth of the factor; a dividend in cash; new shares; rights
#: taken up; rights let lapse; the payout of a delisting; no price for too long; rights that lapse
#: because nobody knows what they cost
ADJUSTED, DIVIDEND, BONUS, RIGHTS, LAPSED, DELISTED, WRITTEN_OFF, UNPRICED = 1, 2, 3, 4, 5, 6, 7, 8
#: columns of a booking: row, column, kind, shares and CNY that came (or went)
BOOKING = 5
#: sessions without a price after which a position is booked to cash at its last close. Suspensions
#: of a year have ended in trading again; longer ones hardly ever do. A rule that looks at whether
#: prices ever come back would use the future.
WRITE_OFF_AFTER = 250


class Market(NamedTuple):
    """Bars and actions of each day and stock, (T, N); without rows where there are none.

    Attributes:
        fill: price at which the order of the row before is filled.
        close: NaN: no trading.
        volume: shares traded.
        up: highest allowed price, infinite where there is none.
        down: lowest allowed price.
        factor: its growth is shares, where the actions' own terms are not known.
        dividend: CNY a share.
        bonus: new shares a share.
        rights: shares offered a share.
        rights_price: CNY asked for one of them; NaN or zero: not known.
        payout: CNY a share on the day a listing ends; NaN on all other days.
    """

    fill: Array
    close: Array
    volume: Array
    up: Array
    down: Array
    factor: Array
    dividend: Array
    bonus: Array
    rights: Array
    rights_price: Array
    payout: Array


class Book(NamedTuple):
    """State of the portfolio besides its cash, and what was booked.

    Attributes:
        shares: held, (N,).
        last: last close, made ex-right, (N,).
        seen: last known factor, (N,).
        silent: sessions in a row without a price, (N,).
        log: bookings of the day, (2 N + 1, 5) and more never; the last row's first cell counts.
    """

    shares: Array
    last: Array
    seen: Array
    silent: Array
    log: Array


@step
def act(m: Market, t: int, ruled: bool, subscribe: bool, book: Book, cash: float) -> float:
    """Book the day's actions; returns the cash."""
    ends, terms, factors = len(m.payout) > 0, len(m.dividend) > 0, len(m.factor) > 0
    for n in range(len(book.shares) if ends or terms or factors else 0):
        if terms:
            paid, new, offered = m.dividend[t, n], m.bonus[t, n], m.rights[t, n]
            if paid > 0.0 or new != 0.0 or offered > 0.0:
                asked = m.rights_price[t, n]
                known = offered if asked > 0.0 else 0.0  # else what it is worth cannot be said
                book.last[n] = ex_right(book.last[n], paid, new, known, asked)
                if book.shares[n] != 0.0:
                    cash = _entitle(paid, new, offered, asked, t, n, ruled, subscribe, book, cash)
        elif factors:
            factor = m.factor[t, n]
            if factor == factor:
                if book.seen[n] == book.seen[n] and factor != book.seen[n]:
                    growth = factor / book.seen[n]
                    book.last[n] /= growth
                    if book.shares[n] != 0.0:
                        _note(book, t, n, ADJUSTED, book.shares[n] * (growth - 1.0), 0.0)
                        book.shares[n] *= growth
                book.seen[n] = factor
        if ends and m.payout[t, n] >= 0.0:
            if book.shares[n] != 0.0:
                amount = money(book.shares[n] * m.payout[t, n], ruled)
                _note(book, t, n, DELISTED, -book.shares[n], amount)
                cash += amount
                book.shares[n] = 0.0
            book.last[n] = np.nan  # what is gone has no price any more
    return cash


@step
def _entitle(
    paid: float, new: float, offered: float, asked: float, t: int, n: int, ruled: bool,
    subscribe: bool, book: Book, cash: float,
) -> float:  # fmt: skip
    """Dividend, new shares and rights of one holding; returns the cash."""
    held = book.shares[n]
    if paid > 0.0:
        amount = money(held * paid, ruled)
        _note(book, t, n, DIVIDEND, 0.0, amount)
        cash += amount
    if new == new and new != 0.0:
        _note(book, t, n, BONUS, held * new, 0.0)
        book.shares[n] += held * new
    if offered > 0.0:
        entitled = np.floor(held * offered + 1e-9) if ruled else held * offered
        taken = 0.0
        if subscribe and asked > 0.0:
            taken = min(entitled, max(cash, 0.0) / asked)
            taken = np.floor(taken + 1e-9) if ruled else taken
            if money(taken * asked, ruled) > cash and ruled:
                taken = max(taken - 1.0, 0.0)
        taken = taken if taken > 1e-9 * entitled else 0.0  # cash that is rounding buys nothing
        if taken > 0.0:
            price = min(money(taken * asked, ruled), cash)
            _note(book, t, n, RIGHTS, taken, -price)
            cash -= price
            book.shares[n] += taken
        if entitled - taken > 1e-9 * entitled:
            why = LAPSED if asked > 0.0 or not subscribe else UNPRICED
            _note(book, t, n, why, taken - entitled, 0.0)
    return cash


@step
def mark(close: Array, t: int, ruled: bool, book: Book, cash: float) -> float:
    """Take the day's closes; write off what has long had no price; returns the cash."""
    last, silent, late = book.last, book.silent, 0
    for n in range(len(close)):
        known = close[n] == close[n]
        last[n] = close[n] if known else last[n]
        silent[n] = 0.0 if known else silent[n] + 1.0
        late += silent[n] > WRITE_OFF_AFTER  # counted, so that the compiler takes several at once
    for n in range(len(close) if late else 0):
        if book.silent[n] > WRITE_OFF_AFTER and book.shares[n] != 0.0:
            amount = money(book.shares[n] * book.last[n], ruled)
            _note(book, t, n, WRITTEN_OFF, -book.shares[n], amount)
            cash += amount
            book.shares[n] = 0.0
    return cash


@step
def money(amount: float, ruled: bool) -> float:
    """An amount as it is paid: to the cent if rules apply."""
    return float(np.floor(amount * 100.0 + 0.5) / 100.0) if ruled else amount


@step
def _note(book: Book, t: int, n: int, kind: float, shares: float, amount: float) -> None:
    """Write a booking."""
    used = int(book.log[-1, 0])
    row = book.log[used]
    row[0], row[1], row[2], row[3], row[4] = t, n, kind, shares, amount
    book.log[-1, 0] = used + 1
