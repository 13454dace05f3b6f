"""Chart of one portfolio: net Sharpe against cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number
from tasks.report.charts.canvas import COLOURS, Canvas, zero_line
from tasks.report.research import CostCurve, Portfolio
from tasks.report.words import Text, Words, say

if TYPE_CHECKING:
    from numpy.typing import NDArray


def costs(portfolio: Portfolio, curve: CostCurve, id_: str) -> Chart:
    """At what cost does it die? Net Sharpe against one-way cost."""
    question = Text(
        "At what cost does it die? Net Sharpe per year against one-way cost",
        "成本多高时失效？扣费后年化夏普与单边成本",
    )
    x, y = np.array(curve.cost_bp), np.array(curve.sharpe)
    dead, name = _crossing(x, y), portfolio.name
    finding = (
        say(
            "{n} dies at {c} one way", "{n} 在单边成本 {c} 时失效", n=name, c=fmt.basis_points(dead)
        )
        if dead is not None
        else say(
            "{n} lives up to {c} one way",
            "{n} 在单边成本 {c} 以内有效",
            n=name,
            c=fmt.basis_points(float(x[-1])),
        )
    )
    canvas = Canvas(id_, 500, 300, top=26)
    if curve.low and curve.high:
        canvas.ax.fill_between(
            x, curve.low, curve.high, color=COLOURS["blue"], alpha=0.16, linewidth=0
        )
    canvas.ax.plot(x, y, color=COLOURS["blue"], linewidth=2)
    zero_line(canvas.ax)
    if curve.assumed_bp is not None:
        canvas.ax.axvline(
            curve.assumed_bp, color=COLOURS["ink"], linewidth=1, linestyle=(0, (4, 3))
        )
        canvas.note(
            canvas.ax,
            curve.assumed_bp,
            1.0,
            say("charged {c}", "所收 {c}", c=fmt.basis_points(curve.assumed_bp)),
            transform=canvas.ax.get_xaxis_transform(),
            va="bottom",
            ha="center",
            fontsize=11,
            color=COLOURS["muted"],
        )
    canvas.label(
        canvas.ax,
        x=Text("one-way cost, basis points", "单边成本，基点"),
        y=Text("net Sharpe per year", "扣费后年化夏普"),
    )
    note: Words = Text("Band: 95 %.", "带：95 %。") if curve.low else ""
    if not curve.capacity_cny:
        note = say("{n} No traded value: capacity unknown.", "{n} 无成交额：容量未知。", n=note)
    return Chart(
        id_,
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_cost_table(curve, id_),
    )


def _crossing(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """First cost at which the line goes below zero, linear between points."""
    below = np.nonzero(y < 0)[0]
    if len(below) == 0:
        return None
    i = int(below[0])
    if i == 0:
        return float(x[0])
    return float(x[i - 1] + (x[i] - x[i - 1]) * y[i - 1] / (y[i - 1] - y[i]))


def _cost_table(curve: CostCurve, id_: str) -> Table:
    rows = []
    for i, cost in enumerate(curve.cost_bp):
        low = curve.low[i] if curve.low else None
        high = curve.high[i] if curve.high else None
        value = curve.capacity_cny[i] if curve.capacity_cny else None
        rows.append(
            (
                number(fmt.basis_points(cost), cost),
                number(fmt.ratio(curve.sharpe[i]), curve.sharpe[i]),
                number(fmt.ratio(low), low),
                number(fmt.ratio(high), high),
                number(fmt.money(value), value),
            )
        )
    heads = columns(
        (Text("one-way cost", "单边成本"), True),
        (Text("net Sharpe", "扣费后夏普"), True),
        (Text("95 % low", "95 % 下限"), True),
        (Text("95 % high", "95 % 上限"), True),
        (Text("traded value per day", "日成交额"), True),
    )
    return Table(f"{id_}-data", Text("Cost and capacity", "成本与容量"), heads, tuple(rows))
