"""What a portfolio did: its curves, and tables of its trades, refusals and bookings."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.kernels import holdings, orders

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

REASONS = {
    orders.SUSPENDED: "suspended",
    orders.LIMIT_UP: "at the upper limit",
    orders.LIMIT_DOWN: "at the lower limit",
    orders.LOT: "less than the smallest order",
    orders.CASH: "not enough cash",
    orders.VOLUME: "more than the bar's volume allows",
}
CUTS = REASONS | {0: "", orders.LOT: "whole lots"}
ACTIONS = {
    holdings.ADJUSTED: "shares by factor",
    holdings.DIVIDEND: "dividend",
    holdings.BONUS: "new shares",
    holdings.RIGHTS: "rights taken up",
    holdings.LAPSED: "rights lapsed",
    holdings.UNPRICED: "rights lapsed, no price known",
    holdings.DELISTED: "delisted",
    holdings.WRITTEN_OFF: "no price for 250 sessions",
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
        positions: shares held after each day, (T, N).
        slips: what `trades` and `refusals` show, (K, 2 + SLIP), see `kernels.orders`.
        booked: what `actions` shows, (L, 5), see `kernels.holdings`.
        start: starting cash, CNY.
    """

    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    equity: Array
    cash: Array
    fees: Array
    traded: Array
    positions: Array
    slips: Array
    booked: Array
    start: float

    @functools.cached_property
    def trades(self) -> pd.DataFrame:
        """One row per fill.

        `date`, `symbol`, `side`, `wanted` (shares), `shares`, `price` (CNY, slippage included),
        `value` (to the cent with rules), `commission`, `stamp_duty`, `transfer_fee` (CNY), and
        `cut`: why fewer shares were filled than wanted, empty where none were.
        """
        return _trades(self)

    @functools.cached_property
    def refusals(self) -> pd.DataFrame:
        """One row per order that was not filled.

        `date`, `symbol`, `side`, `value` (CNY asked for) and `reason`. An order that waits stands
        here once for each reason in a row, on its first day.
        """
        return _refusals(self)

    @functools.cached_property
    def actions(self) -> pd.DataFrame:
        """One row per booking without an order.

        `date`, `symbol`, `kind`, and the `shares` and `cash` (CNY) that came, negative where they
        went. Lapsed rights move neither: `shares` says how many.
        """
        return _actions(self)

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


def _trades(result: Result) -> pd.DataFrame:
    import pandas as pd

    rows = result.slips[result.slips[:, 2 + orders.REFUSAL] == 0.0]
    slip = rows[:, 2:]
    quantity = np.abs(slip[:, orders.QUANTITY])
    return pd.DataFrame(
        {
            **_where(result, rows),
            "side": np.where(slip[:, orders.WANTED] > 0.0, "buy", "sell"),
            "wanted": np.abs(slip[:, orders.WANTED]),
            "shares": quantity,
            "price": slip[:, orders.PRICE],
            "value": slip[:, orders.VALUE],
            "commission": slip[:, orders.COMMISSION],
            "stamp_duty": slip[:, orders.STAMP],
            "transfer_fee": slip[:, orders.TRANSFER],
            "cut": _words(slip[:, orders.CUT], CUTS),
        }
    )


def _refusals(result: Result) -> pd.DataFrame:
    import pandas as pd

    rows = result.slips[result.slips[:, 2 + orders.REFUSAL] > 0.0]
    slip = rows[:, 2:]
    return pd.DataFrame(
        {
            **_where(result, rows),
            "side": np.where(slip[:, orders.WANTED] > 0.0, "buy", "sell"),
            "value": np.abs(slip[:, orders.VALUE]),
            "reason": _words(slip[:, orders.REFUSAL], REASONS),
        }
    )


def _actions(result: Result) -> pd.DataFrame:
    import pandas as pd

    booked = result.booked
    return pd.DataFrame(
        {
            **_where(result, booked),
            "kind": _words(booked[:, 2], ACTIONS),
            "shares": booked[:, 3],
            "cash": booked[:, 4],
        }
    )


def _where(result: Result, rows: Array) -> dict[str, Any]:
    names = np.array(result.symbols, dtype=object)
    return {
        "date": result.dates[rows[:, 0].astype(int)].astype("datetime64[us]"),
        "symbol": names[rows[:, 1].astype(int)],
    }


def _words(codes: Array, words: Mapping[int, str]) -> NDArray[np.object_]:
    table = np.array([words.get(code, "") for code in range(max(words) + 1)], dtype=object)
    return np.asarray(table[codes.astype(int)])
