"""The vectorised backtest engine: prices and signals in, one dictionary out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import serving
from tasks.arrays.devices import DeviceWish
from tasks.arrays.kinds import in_kind, kind, to_numpy
from tasks.backtest import metrics
from tasks.backtest.config import CostConfig
from tasks.backtest.gpu import SWEEPS
from tasks.backtest.inputs import money
from tasks.backtest.journal import Result
from tasks.backtest.portfolio import simulate
from tasks.backtest.targets import signal_weights
from tasks.data.panel import Panel
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Moments = NDArray[np.datetime64]

#: whole numbers between these are read as days, such as 20240131
_FIRST_NUMBER, _LAST_NUMBER = 1900_01_01, 2100_12_31


class GPUBacktestEngine:
    """Backtest of signals on one price per bar, long only, equal weights.

    The name is the ancestor's. On a GPU the signals become orders for all stocks and bars at once;
    the books, one sequence of days that share one purse, are kept by the CPU in either case, as a
    GPU has a single slow thread for them. Results are the same to the last bit.

    Args:
        initial_capital: starting cash, CNY.
        costs: what trades cost; the settings' defaults if not given. Stamp duty and transfer fee
            are those in force on the prices' dates; where the rows have no dates, the fixed ones.
        device: `auto` (the GPU where there is one), `cpu`, or `gpu`, whose absence is said once.
    """

    def __init__(
        self,
        initial_capital: float = 1_000_000,
        costs: CostConfig | None = None,
        *,
        device: DeviceWish = "auto",
    ) -> None:
        self.initial_capital = money("initial_capital", initial_capital)
        self.costs = costs or CostConfig()
        self.device = serving.wished(device)

    def vectorized_backtest(self, prices: Any, signals: Any) -> dict[str, Any]:
        """Hold what signals, in equal parts.

        The signals of bar t are filled at the price of bar t + 1 and every trade is charged. All
        active stocks of a bar get equal weights that sum to one; with none active all is cash.
        Shares are only traded when the set of active stocks changes; what cannot trade on that bar
        is tried again on each next one.

        Args:
            prices: DataFrame, or array of numpy, pandas, torch or cupy: (T, N), or (T,) for one
                stock. NaN: no trading on the bar. Labels that are dates or moments, also as text
                such as 2024-01-31 or 20240131, must ascend.
            signals: the same shape. Above zero: hold; zero or below: do not hold (there are no
                short sales); NaN: no opinion, not held.

        Returns:
            `equity_curve`, `returns` (T,) and `positions` (shares) in the kind of the prices,
            `trades` and `refusals` (DataFrames), `total_return`, `annual_return`, `volatility`,
            `sharpe_ratio`, `sortino_ratio`, `max_drawdown`, `win_rate`, `n_trades`, `total_fees`
            and `final_value` as numbers (a ratio that cannot be computed is NaN), and `device`:
            what made the orders, and why, in one sentence.

        Raises:
            UserError: shapes or labels that do not match, dates that repeat or go back, prices
                that are not positive, no bars.
        """
        price, index, names = _table(prices, "prices")
        signal, signal_index, signal_names = _table(signals, "signals")
        if signal.shape != price.shape:
            raise UserError(
                f"signals have shape {signal.shape} and prices {price.shape}: "
                "give one signal for each price"
            )
        labelled = kind(prices) == kind(signals) == "pandas"
        if labelled and not (index.equals(signal_index) and names.equals(signal_names)):
            raise UserError(
                "signals and prices have different labels: align them, "
                "such as signals.reindex_like(prices)"
            )
        _check_prices(price, index, names)
        weights, used = serving.on_device(
            functools.partial(signal_weights, signal), self.device, SWEEPS
        )
        dates = _dates(index)
        costs = self.costs
        if dates is None:  # bars get numbers for dates, which the rule book must never see
            dates = np.arange(len(price)).astype("datetime64[D]")
            costs = costs.model_copy(update={"official_fees": "fixed"})
        panel = _panel(price, dates, names)
        result = simulate(panel, weights, None, costs, self.initial_capital, retry=True)
        return {
            "equity_curve": _series(result.equity, "equity", prices, index),
            "returns": _series(result.returns, "return", prices, index),
            "positions": _grid(result.positions, prices, index, names),
            "trades": _labels(result.trades, dates, index, names),
            "refusals": _labels(result.refusals, dates, index, names),
            "device": used.reason,
            **_figures(result),
        }


def _figures(result: Result) -> dict[str, float | int]:
    returns = result.returns
    return {
        "total_return": float(metrics.total_return(returns)),
        "annual_return": float(metrics.annual_return(returns)),
        "volatility": float(metrics.volatility(returns)),
        "sharpe_ratio": float(metrics.sharpe(returns)),
        "sortino_ratio": float(metrics.sortino(returns)),
        "max_drawdown": float(metrics.max_drawdown(returns)),
        "win_rate": float(metrics.hit_rate(returns)),
        "n_trades": len(result.trades),
        "total_fees": float(result.fees.sum()),
        "final_value": float(result.equity[-1]),
    }


def _table(values: Any, what: str) -> tuple[Array, pd.Index, pd.Index]:
    """Values as float64 (T, N) with the labels of their rows and columns."""
    import pandas as pd

    array = to_numpy(values, what)
    array = array[:, None] if array.ndim == 1 else array
    if not array.size:
        raise UserError(f"{what} are empty: give at least one bar of one stock")
    index, names = pd.RangeIndex(len(array)), pd.RangeIndex(array.shape[1])
    if kind(values) != "pandas":
        return np.ascontiguousarray(array), index, names
    columns = getattr(values, "columns", None)
    return np.ascontiguousarray(array), values.index, names if columns is None else columns


def _check_prices(price: Array, index: pd.Index, names: pd.Index) -> None:
    bad = ~np.isnan(price) & ~(np.isfinite(price) & (price > 0.0))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UserError(
            f"the price of {names[column]} at {index[row]} is {price[row, column]}: "
            "give positive prices, NaN where nothing traded"
        )


def _dates(index: pd.Index) -> Moments | None:
    """Moments of the bars, ascending, (T,), in the exchange's own time; None: labels are no dates.

    Raises:
        UserError: one of them is missing, repeats or lies before its predecessor.
    """
    import pandas as pd

    moments = _moments(index)
    if moments is None:
        return None
    days = moments.tz_localize(None).to_numpy().astype("datetime64[us]")
    wrong = np.isnat(days)
    wrong[1:] |= ~(days[1:] > days[:-1])
    if wrong.any():
        row = int(wrong.argmax())
        what = "repeats" if row and days[row] == days[row - 1] else "comes after a later one"
        raise UserError(
            f"the date {index[row]} in row {row} of the prices "
            f"{'is missing' if pd.isna(days[row]) else what}: sort the rows by date and keep one "
            "row for each, such as prices[~prices.index.duplicated()].sort_index()"
        )
    return days


def _moments(index: pd.Index) -> pd.DatetimeIndex | None:
    """Labels as dates; None where they are none, such as plain numbers of rows."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        return index
    if isinstance(index, pd.PeriodIndex):
        return index.to_timestamp()
    if pd.api.types.is_integer_dtype(index):
        if not ((index >= _FIRST_NUMBER) & (index <= _LAST_NUMBER)).all():
            return None
        index = index.astype(str)
    if index.inferred_type not in ("string", "date", "datetime", "datetime64"):
        return None
    try:
        return pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601"))
    except ValueError:
        return None


def _panel(price: Array, dates: Moments, names: pd.Index) -> Panel:
    """One price per bar as a panel; stocks are numbered, their labels come back in the result."""
    symbols = tuple(f"{place} {name}" for place, name in enumerate(names))
    return Panel(dates, symbols, {"open": price, "close": price}, "unadjusted", "prices")


def _series(values: Array, name: str, template: Any, index: pd.Index) -> Any:
    """A value per bar, as a pandas series or in the kind of the prices."""
    import pandas as pd

    if kind(template) == "pandas":
        return pd.Series(values, index=index, name=name)
    return in_kind(values, template)


def _grid(values: Array, template: Any, index: pd.Index, names: pd.Index) -> Any:
    """A value per bar and stock, likewise."""
    import pandas as pd

    if kind(template) == "pandas":
        return pd.DataFrame(values, index=index, columns=names)
    return in_kind(values, template)


def _labels(frame: pd.DataFrame, dates: Moments, index: pd.Index, names: pd.Index) -> pd.DataFrame:
    """The bars' and stocks' own labels in place of the panel's."""
    bars = np.searchsorted(dates, frame["date"].to_numpy())
    places = [int(s.split(" ", 1)[0]) for s in frame["symbol"]]
    return frame.assign(date=index[bars], symbol=names[places])
