"""Trials: one parameter set over the whole universe, as a daily series and its figures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.devices import ASKED_CPU, Device
from tasks.backtest import metrics
from tasks.backtest.combinations import Combinations
from tasks.backtest.metrics import DAILY, Conventions

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: parts of the scored time whose moments are kept, for combinatorially symmetric cross-validation
PERIODS = 16


@dataclasses.dataclass(frozen=True)
class TrialTable:
    """What a sweep found.

    Attributes:
        frame: one row per trial, in the grid's order: `trial` (its number), the parameters, then
            `days`, `total_return`, `annual_return`, `volatility`, `sharpe`, `sharpe_error`,
            `t_statistic`, `max_drawdown`, `skew`, `kurtosis`, `trades` (purchases of all stocks, in
            whole accounts),
            `turnover` (traded value a year, both sides, over the account), `cost` (fraction a year
            paid for it) and `breakeven_bp` (all-in one-way cost in basis points at which the mean
            return is zero) and `error` (why it was not scored, its figures being NaN; else empty).
            All net of costs; yearly figures by the conventions.
        returns: daily net returns of each trial, float64 (K, D); NaN where no stock traded.
        dates: scored days, (D,).
        period_days: int64 (K, 16), days with a return in each part of the scored time.
        period_sums: float64 (K, 16), sums of the returns in each part.
        period_squares: float64 (K, 16), sums of squares.
        combinations: the parameter sets.
        symbols: the universe.
        pairs: figures of each (trial, stock), float64 (K, N), stocks on the fast axis:
            `total_return`, `sharpe`, `max_drawdown`, `trades`; empty if they were not asked for.
        device: what computed, and why; of several blocks one that fell back to the CPU.
    """

    frame: pd.DataFrame
    returns: Array
    dates: NDArray[np.datetime64]
    period_days: NDArray[np.int64]
    period_sums: Array
    period_squares: Array
    combinations: Combinations
    symbols: tuple[str, ...]
    pairs: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    device: Device = ASKED_CPU


def trial_frame(
    combinations: Combinations,
    returns: Array,
    turnover: Array,
    cost: Array,
    trades: Array,
    conventions: Conventions = DAILY,
    reasons: NDArray[np.object_] | None = None,
) -> pd.DataFrame:
    """The figures of each trial, see `TrialTable.frame`.

    Args:
        combinations: K parameter sets.
        returns: daily net returns (K, D).
        turnover: traded value a day over the account, (K, D).
        cost: paid a day, fraction of the account, (K, D).
        trades: purchases in accounts, (K,).
        conventions: see `Conventions`.
        reasons: why each set was not scored, (K,), empty where it was.
    """
    known = metrics.days(returns)
    days = np.maximum(known, 1)
    traded, paid = turnover.sum(axis=-1), cost.sum(axis=-1)
    earned = np.nansum(returns, axis=-1)
    failed = np.zeros(len(returns), dtype=bool) if reasons is None else reasons != ""
    sharpe = metrics.sharpe(returns, conventions)
    skew, kurtosis = metrics.skew(returns), metrics.kurtosis(returns)
    data: dict[str, Any] = {
        "days": known,
        "total_return": metrics.total_return(returns, conventions),
        "annual_return": metrics.annual_return(returns, conventions),
        "volatility": metrics.volatility(returns, conventions),
        "sharpe": sharpe,
        "sharpe_error": metrics.error_of_sharpe(sharpe, skew, kurtosis, known, conventions),
        "t_statistic": metrics.t_of_sharpe(sharpe, known, conventions),
        "max_drawdown": metrics.max_drawdown(returns, conventions),
        "skew": skew,
        "kurtosis": kurtosis,
        "trades": trades,
        "turnover": traded / days * conventions.annualisation,
        "cost": paid / days * conventions.annualisation,
        "breakeven_bp": np.where(
            traded > 0.0, (earned + paid) / np.where(traded > 0.0, traded, 1.0) * 1e4, np.nan
        ),
    }
    figures = {n: values if n == "days" else _known(values, failed) for n, values in data.items()}
    frame = parameter_frame(combinations, reasons)
    return frame.assign(**figures)[[*frame.columns[:-1], *figures, "error"]]


def parameter_frame(
    combinations: Combinations, reasons: NDArray[np.object_] | None = None
) -> pd.DataFrame:
    """One row per trial: `trial`, the parameters and `error`, empty where it was scored."""
    import pandas as pd

    data: dict[str, Any] = {"trial": combinations.numbers}
    data |= {n: combinations.column(n) for n in combinations.names}
    texts = [""] * len(combinations) if reasons is None else list(reasons)
    return pd.DataFrame(data | {"error": pd.Series(texts, dtype="str")})


def _known(values: Array, failed: NDArray[np.bool_]) -> Array:
    return np.where(failed, np.nan, values)


def period_moments(
    returns: Array, periods: int = PERIODS
) -> tuple[NDArray[np.int64], Array, Array]:
    """Days, sums and sums of squares in consecutive parts of equal length, each (K, periods)."""
    edges = np.linspace(0, returns.shape[-1], periods + 1).astype(int)
    parts = [returns[:, a:b] for a, b in itertools.pairwise(edges)]
    days = np.stack([metrics.days(p) for p in parts], axis=-1)
    sums = np.stack([np.nansum(p, axis=-1) for p in parts], axis=-1)
    squares = np.stack([np.nansum(p * p, axis=-1) for p in parts], axis=-1)
    return days, sums, squares
