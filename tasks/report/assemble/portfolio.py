"""The portfolio that follows the model: its curve, its years and months, its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.report.research import Estimate, Metric, MetricKind, MonthReturn, Portfolio, YearReturn
from tasks.report.words import Text, Words, say

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]

_NAMES: dict[str, tuple[Words, MetricKind, Words]] = {
    "sharpe": (Text("Sharpe", "夏普比率"), "ratio", Text("net", "扣费后")),
    "gross_sharpe": (Text("Sharpe", "夏普比率"), "ratio", Text("gross", "扣费前")),
    "annual_return": (Text("return per year", "年化收益"), "percent", Text("net", "扣费后")),
    "total_return": (Text("total return", "总收益"), "percent", Text("net", "扣费后")),
    "volatility": (Text("volatility per year", "年化波动率"), "share", Text("net", "扣费后")),
    "max_drawdown": (Text("largest drawdown", "最大回撤"), "percent", Text("net", "扣费后")),
    "turnover": (
        Text("turnover per year, both sides", "年换手率（双边）"),
        "times",
        Text("of equity", "占净值"),
    ),
    "fees": (Text("fees paid", "已付费用"), "share", Text("of starting cash", "占初始资金")),
    "hit_rate": (Text("days with a gain", "盈利天数占比"), "share", Text("net", "扣费后")),
}  # fmt: skip


def portfolio(figures: Json, equity: pd.DataFrame) -> Portfolio:
    """What following the model's out-of-sample predictions would have earned.

    Args:
        figures: see `tasks.backtest.summary.portfolio_figures`.
        equity: see `tasks.backtest.summary.equity_frame`.
    """
    dates = equity["date"].to_numpy().astype("datetime64[D]")
    net = equity["net"].to_numpy()
    benchmark = equity["benchmark"].to_numpy() if "benchmark" in equity else None
    if benchmark is not None and not np.isfinite(benchmark).all():
        benchmark = None  # it does not cover the portfolio's days: half a line would mislead
    period = f"{dates[0]} – {dates[-1]}"
    return Portfolio(
        name="model ranking",
        dates=tuple(str(d) for d in dates),
        net=tuple(net.tolist()),
        gross=tuple(equity["gross"].tolist()),
        benchmark=() if benchmark is None else tuple(benchmark.tolist()),
        benchmark_name=figures.get("benchmark", ""),
        out_of_sample_from=str(dates[0]),
        years=_years(dates, net, benchmark),
        months=_months(dates, net),
        metrics=tuple(
            Metric(
                name=_NAMES[name][0],
                value=Estimate(row["value"], row["low"], row["high"], figures["days"]),
                kind=_NAMES[name][1],
                basis=_NAMES[name][2],
                period=period,
            )
            for name, row in figures["figures"].items()
            if name in _NAMES
        ),
        note=_note(figures),
    )


def _note(figures: Json) -> Words:
    refused = sum(figures["refusals"].values())
    rules = (
        Text("A-share lots, price limits and T+1 are on", "已启用整手、涨跌停与 T+1 规则")
        if figures["lawful"]
        else Text(
            "no market rules: prices are adjusted or foreign", "未启用市场规则：价格已复权或非 A 股"
        )
    )
    return say(
        "{rules}; {trades} trades, {refused} orders refused. Intervals: 95 %, circular block "
        "bootstrap of days, blocks of 20; none for what was simply paid or traded.",
        "{rules}；成交 {trades} 笔，拒绝 {refused} 笔委托。区间：95 %，按 20 日分块循环自助法；"
        "实际支付与成交量无区间。",
        rules=rules,
        trades=f"{figures['trades']:,}",
        refused=f"{refused:,}",
    )


def _years(dates: Any, net: Any, benchmark: Any) -> tuple[YearReturn, ...]:
    """Return of each calendar year with the standard error of the sum of its days."""
    years = dates.astype("datetime64[Y]")
    rows = []
    for year in np.unique(years):
        inside = np.flatnonzero(years == year)
        daily = np.diff(np.concatenate([[_before(net, inside)], net[inside]])) / np.concatenate(
            [[_before(net, inside)], net[inside][:-1]]
        )
        rows.append(
            YearReturn(
                year=int(str(year)),
                net=float(net[inside[-1]] / _before(net, inside) - 1.0),
                benchmark=None
                if benchmark is None
                else float(benchmark[inside[-1]] / _before(benchmark, inside) - 1.0),
                error=float(np.std(daily, ddof=1) * np.sqrt(len(daily)))
                if len(daily) > 1
                else None,
                until=_until(dates, inside[-1], "Y"),
            )
        )
    return tuple(rows)


def _months(dates: Any, net: Any) -> tuple[MonthReturn, ...]:
    months = dates.astype("datetime64[M]")
    rows = []
    for month in np.unique(months):
        inside = np.flatnonzero(months == month)
        year, number = str(month).split("-")
        rows.append(
            MonthReturn(
                year=int(year),
                month=int(number),
                net=float(net[inside[-1]] / _before(net, inside) - 1.0),
                until=_until(dates, inside[-1], "M"),
            )
        )
    return tuple(rows)


def _before(growth: Any, inside: Any) -> float:
    """Growth at the end of the period before; 1 where the curve begins."""
    return float(growth[inside[0] - 1]) if inside[0] else 1.0


def _until(dates: Any, last: int, unit: str) -> str:
    """The last day, for a period that the data ends in; empty for a whole one."""
    if last + 1 < len(dates):
        return ""
    following = dates[last] + np.timedelta64(7, "D")
    whole = following.astype(f"datetime64[{unit}]") != dates[last].astype(f"datetime64[{unit}]")
    return "" if whole else str(dates[last])
