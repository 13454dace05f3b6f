"""Trials against holding everything: what a strategy adds to the universe that it chooses from.

A long-only strategy earns in any market that rises, and on today's members of an index every past
market rose. Whether a rule is of use is asked of its return over the equal-weight universe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest import metrics
from tasks.backtest.metrics import DAILY, Conventions

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.trials import TrialTable
    from tasks.data.panel import Panel

    Array = NDArray[np.float64]


def universe_returns(panel: Panel, universe: NDArray[np.bool_]) -> Array:
    """Daily gross return of holding the universe in equal weights, (T,).

    A day's members are those of the close before it, so nothing is chosen with hindsight; a stock
    that did not trade keeps its last close. NaN on days without any member.

    Args:
        panel: T x N with adjusted prices.
        universe: T x N flags, known after each day's close.
    """
    close = panel["close"]
    known = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    carried = np.take_along_axis(close, np.maximum.accumulate(known, axis=0), axis=0)
    out = np.full(len(close), np.nan)
    change = carried[1:] / carried[:-1] - 1.0
    held = universe[:-1] & np.isfinite(change)
    count = held.sum(axis=1)
    some = count > 0
    out[1:][some] = np.where(held, change, 0.0).sum(axis=1)[some] / count[some]
    return out


def with_excess(table: TrialTable, market: Array, conventions: Conventions = DAILY) -> pd.DataFrame:
    """The trials' figures with the Sharpe ratio of their returns over the universe's beside.

    Args:
        table: trials, net of costs.
        market: daily return of the universe on the table's dates, (D,).
        conventions: see `metrics.Conventions`.

    Returns:
        The table's frame with `sharpe_over_universe`, a year.
    """
    over = metrics.sharpe(table.returns - market, conventions)
    return table.frame.assign(sharpe_over_universe=over)


def over_universe(
    table: TrialTable, market: Array, conventions: Conventions = DAILY
) -> tuple[pd.DataFrame, Array]:
    """The trials' figures and daily returns over the universe's.

    Args:
        table: trials, net of costs.
        market: daily return of the universe on the table's dates, (D,).
        conventions: see `metrics.Conventions`.

    Returns:
        The table's frame with `sharpe`, `sharpe_error`, `t_statistic`, `skew` and `kurtosis` of
        the excess returns and the trial's own Sharpe ratio as `sharpe_alone`; the excess (K, D).
    """
    excess = table.returns - market
    days, sharpe = metrics.days(excess), metrics.sharpe(excess, conventions)
    skew, kurtosis = metrics.skew(excess), metrics.kurtosis(excess)
    frame = table.frame.assign(
        sharpe_alone=table.frame["sharpe"],
        sharpe=sharpe,
        sharpe_error=metrics.error_of_sharpe(sharpe, skew, kurtosis, days, conventions),
        t_statistic=metrics.t_of_sharpe(sharpe, days, conventions),
        skew=skew,
        kurtosis=kurtosis,
    )
    return frame, excess
