"""One portfolio, day by day: corporate actions, sales, purchases, marks; every step is booked.

Only one moment a day trades (the fill), so nothing bought on a day can be sold on it: T+1 holds by
construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: why a trade happened, or why an order was refused; zero: neither
TARGET, WRITTEN_OFF = 1, 2
SUSPENDED, LIMIT_UP, LIMIT_DOWN, LOT, CASH = 1, 2, 3, 4, 5
#: columns of a day's slips, one slip per stock
QUANTITY, PRICE, COMMISSION, STAMP, TRANSFER, REASON, REFUSAL, REFUSED_VALUE = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
)
SLIP = 8
#: rows of the rates
RATE, STAMP_BUY, STAMP_SELL, RATE_TRANSFER = 0, 1, 2, 3
#: sessions without a price after which a position is booked to cash at its last close. Suspensions
#: of a year have ended in trading again; longer ones hardly ever do. A rule that looks at whether
#: prices ever come back would use the future.
WRITE_OFF_AFTER = 250
#: amounts below this many CNY are rounding, not orders
DUST = 1e-6


@kernel
def simulate(
    targets: Array, decides: Flags, fill: Array, close: Array, ratio: Array, up: Array,
    down: Array, minimum: Array, lot: Array, rates: Array, smallest: float, slippage: float,
    ruled: bool, cash: float,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Run the books.

    Args:
        targets: weights known after the close of each row, (T, N).
        decides: rows on which targets are set, (T,); the others change nothing.
        fill: price at which the order of the row before is filled, (T, N); NaN: no trading.
        close: (T, N); NaN: no trading.
        ratio: shares after the row's corporate actions for one share before, (T, N).
        up: highest allowed price, (T, N), infinite where there is none; (0, N) without rules.
        down: lowest allowed price, likewise.
        minimum: smallest buy in shares, (N,); read if `ruled`.
        lot: buys above the minimum and partial sales are multiples of it, (N,).
        rates: commission, stamp duty of buyers, of sellers, and transfer fee, (4, T).
        smallest: smallest commission of an order, CNY.
        slippage: fraction of the price.
        ruled: whether limits, lots and fees to the cent apply.
        cash: at the start, CNY.

    Returns:
        days (T, 4): cash, equity, value traded, fees; held shares (T, N); slips (K, 10) of trades
        and refusals: row, column and the columns named above.
    """
    rows, count = close.shape
    days, held = np.zeros((rows, 4)), np.zeros((rows, count))
    log, used = np.empty((256, SLIP + 2)), 0
    shares, last = np.zeros(count), np.full(count, np.nan)
    silent = np.zeros(count, dtype=np.int64)
    slips, orders = np.zeros((count, SLIP)), np.zeros(count)
    for t in range(rows):
        _corporate_actions(ratio[t], shares, last)
        orders_today = t > 0 and decides[t - 1]
        if orders_today:
            value = cash + _worth(shares, fill[t], last)
            _orders(targets[t - 1], value, shares, fill[t], last, orders, slips)
            if ruled:
                _check_limits(fill[t], up[t], down[t], orders, slips)
                floor, ceiling = down[t], up[t]
            else:
                floor, ceiling = fill[t], fill[t]
            fees = rates[:, t]
            cash = _sell(
                targets[t - 1], fill[t], floor, minimum, lot, fees, smallest, slippage, ruled,
                orders, shares, slips, cash,
            )  # fmt: skip
            cash = _buy(
                fill[t], ceiling, minimum, lot, fees, smallest, slippage, ruled,
                orders, shares, slips, cash,
            )  # fmt: skip
        cash, written_off = _mark(close[t], shares, last, silent, slips, cash)
        for n in range(count if orders_today or written_off else 0):
            if slips[n, REASON] != 0.0 or slips[n, REFUSAL] != 0.0:
                if used == len(log):
                    log = _grown(log)
                log[used, 0], log[used, 1] = t, n
                log[used, 2:] = slips[n]
                used += 1
                days[t, 2] += (
                    abs(slips[n, QUANTITY]) * slips[n, PRICE] * (slips[n, REASON] == TARGET)
                )
                days[t, 3] += slips[n, COMMISSION] + slips[n, STAMP] + slips[n, TRANSFER]
                slips[n] = 0.0
        days[t, 0] = cash
        days[t, 1] = cash + _worth(shares, close[t], last)
        held[t] = shares
    return days, held, log[:used]


@step
def _corporate_actions(ratio: Array, shares: Array, last: Array) -> None:
    """Shares multiply, the last price divides: the value stays until the next price."""
    for n in range(len(shares)):
        if ratio[n] != 1.0:
            shares[n] *= ratio[n]
            last[n] /= ratio[n]


@step
def _worth(shares: Array, price: Array, last: Array) -> float:
    """Value of the holdings at the day's prices, or the last close where there is none."""
    total = 0.0
    for n in range(len(shares)):
        if shares[n] != 0.0:
            total += shares[n] * (price[n] if price[n] == price[n] else last[n])
    return total


@step
def _orders(
    weights: Array, value: float, shares: Array, price: Array, last: Array, orders: Array,
    slips: Array,
) -> None:  # fmt: skip
    """Value to buy (positive) or sell for each stock; what rests is refused."""
    for n in range(len(orders)):
        orders[n] = 0.0
        if shares[n] == 0.0 and weights[n] == 0.0:
            continue
        trades = price[n] == price[n]
        known = price[n] if trades else last[n]
        gap = weights[n] * value - (shares[n] * known if shares[n] != 0.0 else 0.0)
        if weights[n] != 0.0 and abs(gap) < DUST:
            continue
        if trades:
            orders[n] = gap
        else:
            slips[n, REFUSAL], slips[n, REFUSED_VALUE] = SUSPENDED, gap


@step
def _check_limits(price: Array, up: Array, down: Array, orders: Array, slips: Array) -> None:
    """Refuse buys at the upper and sales at the lower limit: the queue there is not served."""
    for n in range(len(orders)):
        if orders[n] > 0.0 and price[n] >= up[n] - DUST:
            slips[n, REFUSAL], slips[n, REFUSED_VALUE] = LIMIT_UP, orders[n]
            orders[n] = 0.0
        elif orders[n] < 0.0 and price[n] <= down[n] + DUST:
            slips[n, REFUSAL], slips[n, REFUSED_VALUE] = LIMIT_DOWN, orders[n]
            orders[n] = 0.0


@step
def _sell(
    weights: Array, fill: Array, floor: Array, minimum: Array, lot: Array, rates: Array,
    smallest: float, slippage: float, ruled: bool, orders: Array, shares: Array, slips: Array,
    cash: float,
) -> float:  # fmt: skip
    """Fill the sales, whose cash pays for the purchases; returns the cash."""
    for n in range(len(orders)):
        if orders[n] >= 0.0:
            continue
        quantity = shares[n]
        if weights[n] != 0.0:
            quantity = min(-orders[n] / fill[n], quantity)
            if ruled:  # odd lots leave only with the whole position
                quantity = np.floor(quantity / lot[n] + 1e-9) * lot[n]
                if quantity < minimum[n]:
                    continue
        price = fill[n] * (1.0 - slippage)
        if ruled:
            price = max(price, floor[n])
        cash += quantity * price
        cash -= _charge(slips[n], quantity * price, rates, rates[STAMP_SELL], smallest, ruled)
        slips[n, QUANTITY], slips[n, PRICE], slips[n, REASON] = -quantity, price, TARGET
        shares[n] = 0.0 if weights[n] == 0.0 else shares[n] - quantity
    return cash


@step
def _buy(
    fill: Array, ceiling: Array, minimum: Array, lot: Array, rates: Array, smallest: float,
    slippage: float, ruled: bool, orders: Array, shares: Array, slips: Array, cash: float,
) -> float:  # fmt: skip
    """Fill the purchases, all scaled alike if the cash is short; returns the cash."""
    other = rates[STAMP_BUY] + rates[RATE_TRANSFER]
    needed = 0.0
    for n in range(len(orders)):
        if orders[n] > 0.0:
            value = orders[n] * (1.0 + slippage)
            needed += value + value * other + max(value * rates[RATE], smallest)
    scale = min(1.0, max(cash, 0.0) / needed) if needed > 0.0 else 1.0
    for n in range(len(orders)):
        if orders[n] <= 0.0:
            continue
        price = fill[n] * (1.0 + slippage)
        if ruled:
            price = min(price, ceiling[n])
        wished = _allowed(orders[n] * scale / fill[n], minimum[n], lot[n], ruled)
        spare = cash - 0.03 if ruled else cash  # three fees may each be rounded up by a cent
        most = min(spare / (1.0 + other + rates[RATE]), (spare - smallest) / (1.0 + other))
        quantity = min(
            wished, _allowed(max(most, 0.0) * (1.0 - 1e-12) / price, minimum[n], lot[n], ruled)
        )
        if quantity <= 0.0:
            slips[n, REFUSAL] = LOT if wished <= 0.0 else CASH
            slips[n, REFUSED_VALUE] = orders[n]
            continue
        cash -= quantity * price
        cash -= _charge(slips[n], quantity * price, rates, rates[STAMP_BUY], smallest, ruled)
        slips[n, QUANTITY], slips[n, PRICE], slips[n, REASON] = quantity, price, TARGET
        shares[n] += quantity
    return cash


@step
def _allowed(quantity: float, minimum: float, lot: float, ruled: bool) -> float:
    """Largest quantity that may be bought and is not above the wish."""
    if not ruled:
        return quantity
    if quantity < minimum:
        return 0.0
    return float(minimum + np.floor((quantity - minimum) / lot + 1e-9) * lot)


@step
def _charge(
    slip: Array, value: float, rates: Array, stamp: float, smallest: float, ruled: bool
) -> float:
    """Write the fees of a trade on its slip, to the cent if rules apply; returns their sum."""
    slip[COMMISSION] = max(value * rates[RATE], smallest)
    slip[STAMP] = value * stamp
    slip[TRANSFER] = value * rates[RATE_TRANSFER]
    if ruled:
        for fee in (COMMISSION, STAMP, TRANSFER):
            slip[fee] = np.floor(slip[fee] * 100.0 + 0.5) / 100.0
    return float(slip[COMMISSION] + slip[STAMP] + slip[TRANSFER])


@step
def _mark(
    close: Array, shares: Array, last: Array, silent: NDArray[np.int64], slips: Array, cash: float
) -> tuple[float, bool]:
    """Take the day's closes; write off what has long had no price; returns the cash."""
    written_off = False
    for n in range(len(shares)):
        if close[n] == close[n]:
            last[n] = close[n]
            silent[n] = 0
            continue
        silent[n] += 1
        if silent[n] > WRITE_OFF_AFTER and shares[n] > 0.0:
            cash += shares[n] * last[n]
            slips[n, QUANTITY], slips[n, PRICE], slips[n, REASON] = -shares[n], last[n], WRITTEN_OFF
            shares[n] = 0.0
            written_off = True
    return cash, written_off


@step
def _grown(log: Array) -> Array:
    """The same rows with room for as many more."""
    wider = np.empty((2 * len(log), log.shape[1]))
    wider[: len(log)] = log
    return wider
