"""One portfolio of many stocks: target weights in, books that balance out.

Targets of row t are known after its close and filled on row t + 1. Fills use raw prices. A change
of `factor` on an ex day is taken as shares: they grow by factor / previous factor, as if every
dividend were reinvested at the ex-right price without tax or fee; splits and bonus shares are
exact that way, cash dividends come a little early and free of tax. Fractions of shares that arise
are kept and leave with the whole position. A suspended stock is marked at its last close; after
250 sessions without a price it is booked to cash at that close.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.config import CostConfig, Fill
from tasks.backtest.costs import day_costs
from tasks.backtest.kernels import books
from tasks.errors import UserError
from tasks.market.rules import RuleBook
from tasks.market.rules_limits import limits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]

#: targets may exceed one by this much: the rounding of many weights
TOLERANCE = 1e-9
TRADE_REASONS = {books.TARGET: "target", books.WRITTEN_OFF: "no price for 250 sessions"}
REFUSAL_REASONS = {
    books.SUSPENDED: "suspended",
    books.LIMIT_UP: "at the upper limit",
    books.LIMIT_DOWN: "at the lower limit",
    books.LOT: "less than the smallest order",
    books.CASH: "not enough cash",
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What a portfolio did.

    Attributes:
        dates: sessions, (T,).
        symbols: N of them.
        equity: value at each close, CNY, (T,); the starting cash until the first trade.
        cash: at each close, CNY, (T,).
        fees: commission, stamp duty and transfer fee paid on each day, CNY, (T,).
        traded: value bought plus value sold on each day, CNY, (T,).
        shares: held after each day, (T, N).
        trades: one row per fill: `date`, `symbol`, `side`, `shares`, `price` (CNY, slippage
            included), `value`, `commission`, `stamp_duty`, `transfer_fee` (CNY), `reason`.
        refusals: one row per order that was not filled: `date`, `symbol`, `side`, `value` (CNY
            asked for), `reason`.
        start: starting cash, CNY.
    """

    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    equity: Array
    cash: Array
    fees: Array
    traded: Array
    shares: Array
    trades: pd.DataFrame
    refusals: pd.DataFrame
    start: float

    @property
    def returns(self) -> Array:
        """Net return of each day, fraction, (T,); the first against the starting cash."""
        return np.asarray(self.equity / self._before - 1.0)

    @property
    def turnover(self) -> Array:
        """Value traded on each day (both sides) over the equity of the day before, (T,)."""
        return np.asarray(self.traded / self._before)

    @property
    def _before(self) -> Array:
        return np.concatenate([[self.start], self.equity[:-1]])

    @property
    def exposure(self) -> Array:
        """Share of the equity that is invested at each close, (T,)."""
        return 1.0 - self.cash / self.equity


def simulate(
    panel: Panel,
    targets: Array,
    rules: RuleBook | None = None,
    costs: CostConfig | None = None,
    cash: float = 1_000_000.0,
    fill: Fill = "next_open",
) -> Result:
    """Trade towards target weights.

    Sales are filled before purchases; purchases that exceed the cash are all scaled alike. With
    `rules`: whole lots (odd lots leave with the whole position), no purchase at the upper and no
    sale at the lower limit, fees to the cent. Without: any fraction of a share, no limits. In both:
    nothing trades on a day without a price, every trade is charged, nothing bought on a day can be
    sold on it.

    Args:
        panel: bars. Raw with `factor`, or prices without corporate actions; with rules, never
            adjusted ones. Needs `close`, and `open` for the fill at the open.
        targets: weights (T, N), fractions of the equity, known after the close of each row. A row
            of NaN sets no target: shares are kept. Otherwise every weight is in [0, 1] and a row
            sums to at most one; the rest stays cash.
        rules: the rule book, or none.
        costs: the settings' defaults if not given.
        cash: at the start, CNY.
        fill: `next_open` or `next_close`.

    Raises:
        UserError: targets of the wrong shape, negative, partly NaN or above one in sum; no cash;
            rules on adjusted prices.
    """
    weights = np.ascontiguousarray(targets, dtype=float)
    decides = _check(panel, weights, rules, cash)
    charged = costs or CostConfig()
    rates = day_costs(charged, panel.dates, rules)
    price = np.ascontiguousarray(panel["open" if fill == "next_open" else "close"])
    close = np.ascontiguousarray(panel["close"])
    price = np.where(np.isfinite(close) & (price > 0.0), price, np.nan)
    up, down = limits(panel, rules) if rules else (np.empty((0, 0)), np.empty((0, 0)))
    days, shares, slips = books.simulate(
        weights, decides, price, close, share_growth(panel), up, down, *_lots(panel, rules),
        np.stack([rates.commission, rates.stamp_buy, rates.stamp_sell, rates.transfer]),
        rates.commission_minimum, rates.slippage, rules is not None, float(cash),
    )  # fmt: skip
    trades, refusals = _frames(panel, slips)
    return Result(
        panel.dates, panel.symbols, days[:, 1], days[:, 0], days[:, 3], days[:, 2], shares,
        trades, refusals, float(cash),
    )  # fmt: skip


def share_growth(panel: Panel) -> Array:
    """Shares after each row's corporate actions for one share before, (T, N); 1 without any."""
    growth = np.ones(panel.shape)
    if panel.adjustment != "raw":
        return growth
    factor = panel["factor"]
    known = np.where(np.isnan(factor), 0, np.arange(len(factor))[:, None])
    carried = np.take_along_axis(factor, np.maximum.accumulate(known, axis=0), axis=0)
    growth[1:] = carried[1:] / carried[:-1]
    return np.where(np.isfinite(growth), growth, 1.0)


def _lots(panel: Panel, rules: RuleBook | None) -> tuple[Array, Array]:
    if rules is None or not len(panel.dates):
        ones = np.ones(len(panel.symbols))
        return ones, ones
    return rules.lots(panel.symbols, str(panel.dates[-1]))


def _check(panel: Panel, weights: Array, rules: RuleBook | None, cash: float) -> NDArray[np.bool_]:
    """Refuse what cannot be meant; returns the rows that set targets."""
    if weights.shape != panel.shape:
        raise UserError(
            f"the targets have shape {weights.shape}, the panel's grid is {panel.shape}: "
            "give one row per date and one column per symbol"
        )
    if not cash > 0.0 or not np.isfinite(cash):
        raise UserError(f"the starting cash is {cash}: give a positive amount of CNY")
    if rules is not None and panel.adjustment == "adjusted":
        raise UserError(
            f"the prices of source {panel.source!r} are adjusted, and limits and lots hold for raw "
            "ones: give the raw panel, or no rules"
        )
    missing = np.isnan(weights)
    decides = np.asarray(~missing.all(axis=1))
    wrong = decides[:, None] & (missing | (weights < 0.0) | np.isinf(weights))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"the target of {panel.symbols[column]} on {panel.dates[row]} is "
            f"{weights[row, column]}: give a weight between 0 and 1 (0 to hold none), or a whole "
            "row of NaN to keep what is held"
        )
    total = np.where(decides[:, None], weights, 0.0).sum(axis=1)
    if (total > 1.0 + TOLERANCE).any():
        row = int(np.argmax(total > 1.0 + TOLERANCE))
        raise UserError(
            f"the targets of {panel.dates[row]} sum to {total[row]:.6g}: "
            "scale them to at most 1, there is no borrowing"
        )
    for symbol in panel.benchmarks:
        if np.nansum(weights[:, panel.column(symbol)]) > 0.0:
            raise UserError(f"{symbol} is an index and cannot be bought: set its targets to 0")
    return decides


def _frames(panel: Panel, slips: Array) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The slips as trades and refusals."""
    import pandas as pd

    names = np.array(panel.symbols, dtype=object)
    place, day = slips[:, 1].astype(int), slips[:, 0].astype(int)
    slip = slips[:, 2:]
    filled, refused = slip[:, books.REASON] > 0.0, slip[:, books.REFUSAL] > 0.0
    quantity = slip[filled, books.QUANTITY]
    trades = pd.DataFrame(
        {
            "date": panel.dates[day[filled]].astype("datetime64[us]"),
            "symbol": names[place[filled]],
            "side": np.where(quantity > 0.0, "buy", "sell"),
            "shares": np.abs(quantity),
            "price": slip[filled, books.PRICE],
            "value": np.abs(quantity) * slip[filled, books.PRICE],
            "commission": slip[filled, books.COMMISSION],
            "stamp_duty": slip[filled, books.STAMP],
            "transfer_fee": slip[filled, books.TRANSFER],
            "reason": [TRADE_REASONS[int(r)] for r in slip[filled, books.REASON]],
        }
    )
    value = slip[refused, books.REFUSED_VALUE]
    refusals = pd.DataFrame(
        {
            "date": panel.dates[day[refused]].astype("datetime64[us]"),
            "symbol": names[place[refused]],
            "side": np.where(value > 0.0, "buy", "sell"),
            "value": np.abs(value),
            "reason": [REFUSAL_REASONS[int(r)] for r in slip[refused, books.REFUSAL]],
        }
    )
    return trades, refusals
