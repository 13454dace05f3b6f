"""One day's orders of a portfolio: wishes, what the market refuses, sales, purchases, fees.

Wishes are signed shares (positive: buy). What happened to each stands on its slip. Of many stocks
few have orders on a day: `who` lists their columns, ascending, and only they are looked at.

Where orders wait, what the market refused stays open and is tried again on every next day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import step
from tasks.backtest.kernels.holdings import money

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]

#: why an order was refused or cut; zero: it was not
SUSPENDED, LIMIT_UP, LIMIT_DOWN, LOT, CASH, VOLUME = 1, 2, 3, 4, 5, 6
#: columns of a day's slips, one slip per stock: shares wished for and filled (signed), price, fees,
#: the reason of a cut, the reason of a refusal, and the value that was filled or refused (CNY)
WANTED, QUANTITY, PRICE, COMMISSION, STAMP, TRANSFER, CUT, REFUSAL, VALUE = range(9)
SLIP = 9
#: rows of the rates
RATE, STAMP_BUY, STAMP_SELL, RATE_TRANSFER = 0, 1, 2, 3
#: amounts below this many CNY are rounding, not orders
DUST = 1e-6
#: more than the value and three fees can grow by being rounded to the cent
ROUNDING = 0.03


class Terms(NamedTuple):
    """How orders are filled and charged.

    Attributes:
        minimum: smallest buy in shares, (N,); read if `ruled`.
        lot: buys above the minimum and partial sales, but for the odd lot, are multiples, (N,).
        rates: commission, stamp duty of buyers, of sellers, and transfer fee, (4, T).
        smallest: smallest commission of an order, CNY.
        slippage: fraction of the price.
        cap: largest order as a fraction of the bar's volume; 0: no cap.
        touch: CNY within which a price counts as at its limit.
        ruled: whether limits, lots and money to the cent apply.
        in_shares: whether targets are shares instead of weights.
        subscribe: whether offered rights are taken up.
        waits: whether orders that the market refuses or cuts stay open.
    """

    minimum: Array
    lot: Array
    rates: Array
    smallest: float
    slippage: float
    cap: float
    touch: float
    ruled: bool
    in_shares: bool
    subscribe: bool
    waits: bool


@step
def usable(fill: float, close: float) -> float:
    """The price of a fill; NaN on a day without trading."""
    return fill if (close == close) & (fill > 0.0) else np.nan


@step
def positions(shares: Array, out: Index) -> int:
    """Write the columns of what is held, ascending; returns how many they are."""
    count = 0
    for n in range(len(shares)):  # without a branch, which a processor would often guess wrong
        out[count] = n
        count += shares[n] != 0.0
    return count


@step
def worth(owned: Index, shares: Array, price: Array, last: Array) -> float:
    """Value of the holdings at the day's prices, or the last close where there is none.

    Args:
        owned: columns of what is held, ascending.
        shares: (N,), as the others.
        price: of the day, NaN without.
        last: the last close.
    """
    total = 0.0
    for n in owned:
        if shares[n] != 0.0:
            total += shares[n] * (price[n] if price[n] == price[n] else last[n])
    return total


@step
def concerned(target: Array, shares: Array, who: Index) -> int:
    """Write the columns of the stocks that are held or shall be; returns how many they are."""
    count = 0
    for n in range(len(target)):  # without a branch, which a processor would often guess wrong
        who[count] = n
        count += (shares[n] != 0.0) | (target[n] != 0.0)
    return count


@step
def wish(
    who: Index, target: Array, value: float, shares: Array, price: Array, last: Array, k: Terms,
    wishes: Array, slips: Array,
) -> None:  # fmt: skip
    """Shares to buy or sell; what rests is refused."""
    for n in who:
        wishes[n] = 0.0
        goal, held = target[n], shares[n]
        trades = price[n] == price[n]
        known = price[n] if trades else last[n]
        if k.in_shares or goal == 0.0:
            gap = goal - held
            amount = gap * known
        else:
            amount = goal * value - (held * known if held != 0.0 else 0.0)
            gap = amount / known
        if goal != 0.0 and abs(amount) < DUST:
            continue
        if trades:
            wishes[n], slips[n, WANTED] = gap, gap
        else:
            slips[n, WANTED] = gap if gap == gap else goal
            slips[n, REFUSAL], slips[n, VALUE] = SUSPENDED, amount


@step
def check_limits(
    who: Index, price: Array, up: Array, down: Array, touch: float, wishes: Array, slips: Array
) -> None:
    """Refuse buys at the upper and sales at the lower limit: the queue there is not served."""
    for n in who:
        if wishes[n] > 0.0 and price[n] >= up[n] - touch:
            refuse(slips, n, LIMIT_UP, wishes[n] * price[n])
            wishes[n] = 0.0
        elif wishes[n] < 0.0 and price[n] <= down[n] + touch:
            refuse(slips, n, LIMIT_DOWN, wishes[n] * price[n])
            wishes[n] = 0.0


@step
def cap_by_volume(who: Index, volume: Array, cap: float, wishes: Array, slips: Array) -> None:
    """Cut wishes to a fraction of the shares that were traded; none where that is unknown."""
    for n in who:
        most = cap * volume[n] if volume[n] > 0.0 else 0.0
        if abs(wishes[n]) > most:
            wishes[n] = most if wishes[n] > 0.0 else -most
            slips[n, CUT] = VOLUME


@step
def sell(
    who: Index, fill: Array, floor: Array, t: int, k: Terms, wishes: Array, shares: Array,
    slips: Array, cash: float,
) -> float:  # fmt: skip
    """Fill the sales, whose cash pays for the purchases; returns the cash."""
    rates = k.rates[:, t]
    for n in who:
        wanted = -slips[n, WANTED]
        if slips[n, REFUSAL] != 0.0 or not wanted > 0.0:
            continue
        quantity = min(-wishes[n], shares[n])
        if k.ruled and quantity < shares[n]:
            quantity = part(quantity, shares[n], n, k)
        reason = slips[n, CUT] if slips[n, CUT] != 0.0 else LOT
        if quantity <= 0.0:
            refuse(slips, n, reason, -wanted * fill[n])
            continue
        price = fill[n] * (1.0 - k.slippage)
        if k.ruled:
            price = max(price, floor[n])
        value = money(quantity * price, k.ruled)
        left = cash + value
        left -= charge(slips, n, value, rates, rates[STAMP_SELL], k)
        if left < 0.0:  # the smallest commission can be more than the sale brings
            clear_fees(slips, n)
            refuse(slips, n, CASH, -wanted * fill[n])
            continue
        cash = left
        slips[n, QUANTITY], slips[n, PRICE], slips[n, VALUE] = -quantity, price, value
        slips[n, CUT] = reason if quantity < wanted * (1.0 - 1e-12) else 0.0
        shares[n] -= quantity
    return cash


@step
def buy(
    who: Index, fill: Array, ceiling: Array, t: int, k: Terms, wishes: Array, shares: Array,
    slips: Array, cash: float,
) -> float:  # fmt: skip
    """Fill the purchases, all scaled alike if the cash is short; returns the cash."""
    rates = k.rates[:, t]
    other = rates[STAMP_BUY] + rates[RATE_TRANSFER]
    needed = 0.0
    for n in who:
        if wishes[n] > 0.0:
            value = wishes[n] * fill[n] * (1.0 + k.slippage)
            needed += value + value * other + max(value * rates[RATE], k.smallest)
    scale = min(1.0, max(cash, 0.0) / needed) if needed > 0.0 else 1.0
    for n in who:
        wanted = slips[n, WANTED]
        if slips[n, REFUSAL] != 0.0 or not wanted > 0.0:
            continue
        price = fill[n] * (1.0 + k.slippage)
        if k.ruled:
            price = min(price, ceiling[n])
        wished = allowed(wishes[n] * scale, n, k)
        spare = cash - ROUNDING if k.ruled else cash
        most = min(spare / (1.0 + other + rates[RATE]), (spare - k.smallest) / (1.0 + other))
        quantity = min(wished, allowed(max(most, 0.0) * (1.0 - 1e-12) / price, n, k))
        reason = slips[n, CUT] if slips[n, CUT] != 0.0 else LOT
        if quantity < allowed(wishes[n], n, k) * (1.0 - 1e-12):
            reason = CASH
        if quantity <= 0.0:
            refuse(slips, n, reason, wanted * fill[n])
            continue
        value = money(quantity * price, k.ruled)
        cash -= value
        cash -= charge(slips, n, value, rates, rates[STAMP_BUY], k)
        slips[n, QUANTITY], slips[n, PRICE], slips[n, VALUE] = quantity, price, value
        slips[n, CUT] = reason if quantity < wanted * (1.0 - 1e-12) else 0.0
        shares[n] += quantity
    return cash


@step
def allowed(quantity: float, n: int, k: Terms) -> float:
    """Largest quantity that may be bought and is not above the wish."""
    if not k.ruled:
        return quantity
    if quantity < k.minimum[n]:
        return 0.0
    return float(k.minimum[n] + np.floor((quantity - k.minimum[n]) / k.lot[n] + 1e-9) * k.lot[n])


@step
def left_open(who: Index, slips: Array, fresh: bool, opened: Index, reasons: Array) -> int:
    """Write the columns of orders that stay open to `opened`; returns how many they are.

    They are what the market did not fill, and purchases that lack the cash of a sale that waits. A
    refusal for what stopped the order on the day before is taken off its slip: it was told.

    Args:
        who: columns with orders, ascending.
        slips: of the day.
        fresh: whether targets were set for this day, so that its orders are new ones.
        opened: gets the columns.
        reasons: what stopped each stock's order on the day before, (N,); gets this day's.
    """
    sales, count = 0, 0
    for n in who:
        sales += (slips[n, WANTED] < 0.0) & _unserved(slips, n)
    for n in who:
        why, told = _stopped(slips, n), reasons[n]
        opened[count] = n
        count += _unserved(slips, n) | ((why == CASH) & (sales > 0))
        reasons[n] = why
        if not fresh and slips[n, REFUSAL] == told:
            slips[n, REFUSAL] = 0.0
    return count


@step
def hold_back(who: Index, price: Array, reasons: Array, wishes: Array, slips: Array) -> None:
    """Refuse purchases that lacked cash on the day before, where none has come since."""
    for n in who:
        wanted = slips[n, WANTED]
        if wanted > 0.0 and slips[n, REFUSAL] == 0.0 and reasons[n] == CASH:
            refuse(slips, n, CASH, wanted * price[n])
            wishes[n] = 0.0


@step
def _stopped(slips: Array, n: int) -> float:
    """Why an order was refused or cut; zero: it was not."""
    return float(slips[n, REFUSAL] if slips[n, REFUSAL] != 0.0 else slips[n, CUT])


@step
def _unserved(slips: Array, n: int) -> bool:
    """Whether the market, or a sale's own fees, left an order or a part of it unfilled."""
    wanted = slips[n, WANTED]
    why = _stopped(slips, n)
    shut = (why == SUSPENDED) | (why == LIMIT_UP) | (why == LIMIT_DOWN) | (why == VOLUME)
    return bool((wanted != 0.0) & (shut | ((why == CASH) & (wanted < 0.0))))


@step
def part(quantity: float, held: float, n: int, k: Terms) -> float:
    """Largest part of a position that may be sold and is not above the wish.

    Whole lots, or whole lots and the odd lot, which leaves in one order; it may leave alone.
    """
    lot = k.lot[n]
    even = np.floor(quantity / lot + 1e-9) * lot
    even = even if even >= k.minimum[n] else 0.0
    odd = np.floor(held + 1e-9) % lot  # a fraction of a share leaves only with the whole position
    if odd == 0.0 or quantity < odd - 1e-9 * lot:
        return float(even)
    return float(max(even, odd + np.floor((quantity - odd) / lot + 1e-9) * lot))


@step
def refuse(slips: Array, n: int, reason: float, value: float) -> None:
    """Write a refusal."""
    slips[n, REFUSAL], slips[n, VALUE], slips[n, CUT] = reason, value, 0.0


@step
def charge(slips: Array, n: int, value: float, rates: Array, stamp: float, k: Terms) -> float:
    """Write the fees of a trade on its slip, to the cent if rules apply; returns their sum."""
    commission = money(max(value * rates[RATE], k.smallest), k.ruled)
    duty, transfer = money(value * stamp, k.ruled), money(value * rates[RATE_TRANSFER], k.ruled)
    slips[n, COMMISSION], slips[n, STAMP], slips[n, TRANSFER] = commission, duty, transfer
    return float(commission + duty + transfer)


@step
def clear_fees(slips: Array, n: int) -> None:
    """No trade, no fees."""
    slips[n, COMMISSION], slips[n, STAMP], slips[n, TRANSFER] = 0.0, 0.0, 0.0
