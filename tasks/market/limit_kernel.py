"""The compiled loop over days and stocks behind `rules_limits`: references and limit prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]
    Bytes = NDArray[np.int8]

#: numbers of the statuses, and of the fields of corporate actions
NORMAL, SPECIAL, DELISTING, FREE = 0, 1, 2, 3
CASH, BONUS, RIGHTS, RIGHTS_PRICE = 0, 1, 2, 3
#: half a cent up, with a hair for what binary fractions lose
_HALF_UP = 0.5 + 1e-7


@step
def ex_right(price: float, cash: float, bonus: float, rights: float, rights_price: float) -> float:
    """What a price is worth after a dividend, new shares and an issue of rights; NaN is none.

    (price - cash + rights * rights_price) / (1 + bonus + rights), as the exchanges compute it; NaN
    where rights are offered at a price that is not known, which a price of zero means too.
    """
    paid = cash if cash == cash else 0.0
    new = bonus if bonus == bonus else 0.0
    offered = rights if rights == rights else 0.0
    due = 0.0
    if offered != 0.0:
        due = offered * rights_price if rights_price > 0.0 else np.nan
    if paid == 0.0 and new == 0.0 and offered == 0.0:
        return price
    return (price - paid + due) / (1.0 + new + offered)


@step
def to_cents(price: float) -> float:
    """Whole cents, rounded half up."""
    return float(np.floor(price * 100.0 + _HALF_UP))


@step
def limit_cents(cents: float, percent: float, sign: float) -> float:
    """A limit in whole cents: the reference times a percentage, half up, at least one cent off."""
    # the sums are whole numbers far below 2^53, so that nothing is lost
    moved = float(np.floor((cents * (100.0 + sign * percent) + 50.0) / 100.0))
    return max(moved, cents + 1.0) if sign > 0.0 else min(moved, cents - 1.0)


@kernel
def references(
    close: Array, factor: Array, cash: Array, bonus: Array, rights: Array, rights_price: Array,
    preclose: Array, out: Array,
) -> None:  # fmt: skip
    """Write the price from which each day's move is measured, to the cent, (T, N).

    An absent field has no rows. `preclose` comes first; then the last close, lowered by the terms
    of the actions, or divided by the growth of `factor` where there are no terms.
    """
    rows, count = close.shape
    last, seen = np.full(count, np.nan), np.full(count, np.nan)
    terms, factors, given = len(cash) > 0, len(factor) > 0, len(preclose) > 0
    for t in range(rows):
        for n in range(count):
            if terms:
                last[n] = ex_right(
                    last[n], cash[t, n], bonus[t, n], rights[t, n], rights_price[t, n]
                )
            elif factors:
                now = factor[t, n]
                if now == now:
                    if seen[n] == seen[n] and now != seen[n]:
                        last[n] /= now / seen[n]
                    seen[n] = now
            known = last[n]
            if given and preclose[t, n] > 0.0 and preclose[t, n] < np.inf:
                known = preclose[t, n]
            out[t, n] = to_cents(known) / 100.0
            if close[t, n] == close[t, n]:
                last[n] = close[t, n]


@kernel
def limit_prices(
    reference: Array, close: Array, status: Bytes, board: Numbers, percent: Array,
    delisting_free: Array, listed: Numbers, age: Array, windows: Array, up: Array, down: Array,
) -> None:  # fmt: skip
    """Write the limits of each cell, (T, N).

    Args:
        reference: CNY to the cent, (T, N).
        close: NaN where nothing traded.
        status: number of the status, (T, N), or no rows: all normal.
        board: row of `percent` for each stock, (N,); -1: no limits.
        percent: whole percent of each status, board and day, (3, B, T); infinite: no limit.
        delisting_free: sessions without limit at the start of a delisting period, (B, T).
        listed: row from which the listing counts, (N,); -1: nothing is special about it.
        age: sessions from the listing to the panel's start, (N,).
        windows: sessions without a limit, and the first day's rise and fall in percent, (3, N).
        up: highest price, out.
        down: lowest price, out.
    """
    rows, count = close.shape
    traded, leaving = age.copy(), np.zeros(count)
    for t in range(rows):
        for n in range(count):
            up[t, n], down[t, n] = np.inf, 0.0
            b = board[n]
            if b < 0:
                continue
            kind = status[t, n] if len(status) > 0 else NORMAL
            alive = close[t, n] == close[t, n]
            rise = fall = np.inf if kind == FREE else percent[kind, b, t]
            if kind == DELISTING:
                if leaving[n] < delisting_free[b, t]:
                    rise = fall = np.inf
                leaving[n] += alive
            if listed[n] >= 0 and t >= listed[n]:
                if alive and traded[n] < windows[0, n]:
                    rise = fall = np.inf
                # limits of the first day are against the issue price, where that is known
                first = alive and traded[n] == 0.0 and windows[1, n] > 0.0
                if first and reference[t, n] == reference[t, n]:
                    rise, fall = windows[1, n], windows[2, n]
                traded[n] += alive
            if rise < np.inf:
                cents = np.rint(reference[t, n] * 100.0)
                known = cents == cents
                up[t, n] = limit_cents(cents, rise, 1.0) / 100.0 if known else np.nan
                down[t, n] = limit_cents(cents, fall, -1.0) / 100.0 if known else np.nan
