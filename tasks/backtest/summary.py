"""What a simulated portfolio comes to: its curve, its figures with intervals, its years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest import metrics

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.journal import Result

    Array = NDArray[np.float64]


def equity_frame(net: Result, gross: Result, benchmark: Array | None) -> pd.DataFrame:
    """One row a day, for the report's chart and its CSV.

    Columns `date`, `net`, `gross` and, where there is one, `benchmark` (growth of 1), `cash` and
    `fees` (CNY), `turnover` (both sides over equity), `exposure` (fraction). A benchmark that
    begins later than the portfolio is NaN until then.
    """
    import pandas as pd

    data: dict[str, Any] = {
        "date": net.dates.astype("datetime64[us]"),
        "net": net.equity / net.start,
        "gross": gross.equity / gross.start,
        "cash": net.cash,
        "fees": net.fees,
        "turnover": net.turnover,
        "exposure": net.exposure,
    }
    if benchmark is not None:
        carried = pd.Series(benchmark).ffill().to_numpy()  # a day without a row changes nothing
        data["benchmark"] = carried / carried[np.isfinite(carried).argmax()]
    return pd.DataFrame(data)


def portfolio_figures(net: Result, gross: Result, adjustment: str, lawful: bool) -> dict[str, Any]:
    """Headline figures as JSON values: each with `value`, and `low`, `high` where it is estimated.

    Args:
        net: after all costs.
        gross: the same orders without costs.
        adjustment: how the prices were adjusted, for the reader.
        lawful: whether lots, limits and T+1 were on.
    """
    returns = net.returns
    low, high = metrics.sharpe_interval(returns)
    gross_low, gross_high = metrics.sharpe_interval(gross.returns)
    ends = metrics.figure_intervals(returns)
    years = len(returns) / metrics.TRADING_DAYS
    rows = {
        "sharpe": (metrics.sharpe(returns), low, high),
        "gross_sharpe": (metrics.sharpe(gross.returns), gross_low, gross_high),
        "annual_return": (metrics.annual_return(returns), *ends["annual_return"]),
        "total_return": (metrics.total_return(returns), *ends["total_return"]),
        "volatility": (metrics.volatility(returns), *ends["volatility"]),
        "max_drawdown": (metrics.max_drawdown(returns), *ends["max_drawdown"]),
        "turnover": (float(net.turnover.sum()) / years, None, None),
        "fees": (float(net.fees.sum()) / net.start, None, None),
        "hit_rate": (metrics.hit_rate(returns), *ends["hit_rate"]),
    }
    return {
        "days": len(returns),
        "adjustment": adjustment,
        "lawful": lawful,
        "trades": len(net.trades),
        "refusals": {str(k): int(v) for k, v in net.refusals["reason"].value_counts().items()},
        "figures": {
            name: {"value": _known(value), "low": _known(a), "high": _known(b)}
            for name, (value, a, b) in rows.items()
        },
    }


def _known(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
