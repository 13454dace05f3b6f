"""Charts of one portfolio: growth and drawdown, years, cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, date_ticks, thin, zero_line
from tasks.report.research import CostCurve, Portfolio
from tasks.report.words import Text, Words, pick, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: fewer sessions out of sample than this say nothing
LEAST_DAYS = 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: tick values of the log axis, coarse to fine
_LEVELS = (
    (0.01, 0.1, 1, 10, 100, 1000),
    (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12),
    (0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2),
    (0.9, 0.925, 0.95, 0.975, 1, 1.025, 1.05, 1.075, 1.1, 1.125, 1.15),
)


def growth(portfolio: Portfolio, id_: str) -> Chart:
    """Does it earn after costs, out of sample? How deep and how long are the losses?"""
    days = len(portfolio.dates)
    question = say(
        "Does it earn after costs, out of sample? Growth of 1 (log) and % below peak, {a} to {b}",
        "扣费后、样本外是否盈利？1 元的增长（对数坐标）与距高点回撤，{a} 至 {b}",
        a=portfolio.dates[0] if days else fmt.MISSING,
        b=portfolio.dates[-1] if days else fmt.MISSING,
    )
    start = _out_of_sample(portfolio)
    if days < LEAST_DAYS or (start is not None and days - start < LEAST_DAYS):
        n = days if start is None else days - start
        empty = say(
            "Fewer than {k} days out of sample ({n}): not drawn",
            "样本外不足 {k} 天（{n} 天）：不绘制",
            k=str(LEAST_DAYS),
            n=str(n),
        )
        return Chart(id_, portfolio.name, question, empty=empty, wide=True)
    finding = _growth_finding(portfolio, start)
    canvas = Canvas(id_, 960, 420, heights=(3, 1.15), left=70, right=150, top=26, bottom=26)
    _shade(canvas, start, days)
    _lines(canvas, portfolio)
    note = _underwater(canvas, portfolio)
    at, labels = date_ticks(portfolio.dates, 10)
    canvas.axes[0].tick_params(labelbottom=False)
    for axes in canvas.axes:
        axes.set_xlim(0, days - 1)
        canvas.ticks(axes, at, list(labels), "x")
    canvas.label(canvas.axes[0], y=Text("growth of 1, log scale", "1 元的增长，对数坐标"))
    canvas.label(canvas.axes[1], y=Text("% below peak", "距高点 %"))
    return Chart(
        id_,
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_month_ends(portfolio, id_),
        wide=True,
    )


def _out_of_sample(portfolio: Portfolio) -> int | None:
    if not portfolio.out_of_sample_from:
        return None
    return int(np.searchsorted(np.array(portfolio.dates), portfolio.out_of_sample_from))


def _growth_finding(portfolio: Portfolio, start: int | None) -> Words:
    net = np.array(portfolio.net)
    total = net[-1] / net[0] - 1
    worst = float(np.min(net / np.maximum.accumulate(net)) - 1)
    earned = _earned(total)
    deepest = say("deepest loss {d}", "最大回撤 {d}", d=fmt.percent(worst))
    if start is None:
        rest: Words = Text("all in sample", "全部为样本内")
    elif start == 0:
        rest = Text("all out of sample", "全部为样本外")
    else:
        rest = say("out of sample {o}", "样本外 {o}", o=fmt.percent(net[-1] / net[start - 1] - 1))
    return say(
        "{n} {e} net of costs, {r}; {d}",
        "{n} 扣费后{e}，{r}；{d}",
        n=portfolio.name,
        e=earned,
        r=rest,
        d=deepest,
    )


def _earned(total: float) -> Words:
    size = fmt.share(abs(total)) if abs(total) < 1 else fmt.percent(abs(total), sign=False)
    if total < 0:
        return say("loses {s}", "亏损 {s}", s=size)
    return say("earns {s}", "盈利 {s}", s=size)


def _shade(canvas: Canvas, start: int | None, days: int) -> None:
    if start is None:
        return
    for axes in canvas.axes:
        axes.axvspan(start, days - 1, color=COLOURS["shade"], linewidth=0, zorder=0)
    canvas.note(
        canvas.axes[0],
        start + days * 0.006,
        1.0,
        Text("out of sample", "样本外"),
        transform=canvas.axes[0].get_xaxis_transform(),
        color=COLOURS["muted"],
        fontsize=11,
        va="bottom",
    )


def _lines(canvas: Canvas, portfolio: Portfolio) -> None:
    axes = canvas.axes[0]
    axes.set_yscale("log")
    axes.minorticks_off()
    ends: list[tuple[float, Words, str]] = []
    name = portfolio.benchmark_name or Text("benchmark", "基准")
    for values, label, colour, style in (
        (portfolio.benchmark, name, "grey", {"linewidth": 1.4, "linestyle": (0, (6, 2))}),
        (
            portfolio.gross,
            Text("gross", "费前"),
            "blue",
            {"linewidth": 0.9, "linestyle": (0, (2, 2))},
        ),
        (portfolio.net, Text("net of costs", "扣费后"), "blue", {"linewidth": 2.2}),
    ):
        if not values:
            continue
        line = np.array(values)
        kept = thin(np.log(line))
        axes.plot(kept, line[kept], color=COLOURS[colour], **style)
        end = say("{v} {l}", "{v} {l}", v=fmt.ratio(float(line[-1])), l=label)
        ends.append((float(line[-1]), end, COLOURS[colour]))
    _cone(axes, portfolio)
    zero_line(axes, at=1.0)
    low, high = axes.get_ylim()
    levels = _levels(low, high)
    canvas.ticks(axes, levels, [fmt.plain(v) for v in levels], "y")
    _end_labels(canvas, axes, ends, len(portfolio.dates) - 1)


def _levels(low: float, high: float) -> list[float]:
    """The coarsest set of round values with at least four of them on the axis."""
    inside = [1.0]
    for values in _LEVELS:
        inside = [float(v) for v in values if low <= v <= high]
        if len(inside) >= 4:
            break
    return inside


def _cone(axes: Axes, portfolio: Portfolio) -> None:
    cone = portfolio.cone
    if cone is None:
        return
    x = np.arange(cone.start, cone.start + len(cone.low90))
    kept = thin(np.array(cone.high90), 120)
    for low, high in ((cone.low90, cone.high90), (cone.low50, cone.high50)):
        axes.fill_between(
            x[kept],
            np.array(low)[kept],
            np.array(high)[kept],
            color=COLOURS["purple"],
            alpha=0.13,
            linewidth=0,
        )


def _end_labels(
    canvas: Canvas, axes: Axes, ends: Sequence[tuple[float, Words, str]], last: int
) -> None:
    """Labels at the lines' ends, pushed apart so that none overlaps."""
    low, high = np.log(axes.get_ylim())
    gap = (high - low) * 0.075
    previous = -np.inf
    for value, words_, colour in sorted(ends, key=lambda e: e[0]):
        y = max(np.log(value), previous + gap)
        previous = y
        canvas.note(axes, last * 1.008, float(np.exp(y)), words_, color=colour, va="center")


def _underwater(canvas: Canvas, portfolio: Portfolio) -> Words:
    axes = canvas.axes[1]
    net = np.array(portfolio.net)
    under = 100 * (net / np.maximum.accumulate(net) - 1)
    kept = thin(under)
    axes.fill_between(kept, under[kept], 0, color=COLOURS["down"], alpha=0.3, linewidth=0)
    axes.plot(kept, under[kept], color=COLOURS["down"], linewidth=1)
    zero_line(axes)
    parts: list[Words] = [
        Text(
            "Solid: net of costs. Dotted: gross. Dashed grey: benchmark.",
            "实线：扣费后。点线：费前。灰虚线：基准。",
        )
    ]
    if portfolio.cone is not None:
        parts.append(
            Text(
                " Cone: 50 and 90 % range expected from the in-sample part.",
                "锥形：由样本内推得的 50 % 与 90 % 范围。",
            )
        )
    if portfolio.drawdown_limit is not None:
        axes.axhline(
            100 * portfolio.drawdown_limit,
            color=COLOURS["muted"],
            linewidth=1.2,
            linestyle=(0, (5, 3)),
        )
        parts.append(
            say(
                " Dashed in the lower panel: bootstrap 95 % of the deepest loss, {v}.",
                "下图虚线：自助法 95 % 最大回撤 {v}。",
                v=fmt.percent(portfolio.drawdown_limit),
            )
        )
    bottom = min(float(under.min()), 100 * (portfolio.drawdown_limit or 0.0), -1.0)
    axes.set_ylim(bottom * 1.12, 0)
    step = _nice(-bottom / 3)
    ticks = np.arange(0, -bottom * 1.12, step)
    canvas.ticks(axes, [-t for t in ticks], [fmt.fixed(-t, 0) for t in ticks], "y")
    if len(kept) < len(net):
        parts.append(
            say(
                " {k} of {n} days drawn, each stretch's lowest and highest.",
                "绘制 {n} 天中的 {k} 天，保留每段最低与最高。",
                k=f"{len(kept):,}",
                n=f"{len(net):,}",
            )
        )
    return Text(
        "".join(pick(p) for p in parts),
        "".join(pick(p, "zh") for p in parts),
    )


def _nice(step: float) -> float:
    """A round tick step at or above `step`."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(power * next(m for m in (1, 2, 5, 10) if m * power >= step))


def _month_ends(portfolio: Portfolio, id_: str) -> Table:
    dates = portfolio.dates
    ends = [i for i in range(len(dates)) if i + 1 == len(dates) or dates[i][:7] != dates[i + 1][:7]]
    net = np.array(portfolio.net)
    under = net / np.maximum.accumulate(net) - 1
    rows = []
    for i in ends[-120:]:
        gross = portfolio.gross[i] if portfolio.gross else None
        bench = portfolio.benchmark[i] if portfolio.benchmark else None
        rows.append(
            (
                words(dates[i]),
                number(fmt.ratio(portfolio.net[i]), portfolio.net[i]),
                number(fmt.ratio(gross), gross),
                number(fmt.ratio(bench), bench),
                number(fmt.percent(float(under[i])), float(under[i])),
            )
        )
    heads = columns(
        Text("month end", "月末"),
        (Text("net", "扣费后"), True),
        (Text("gross", "费前"), True),
        (Text("benchmark", "基准"), True),
        (Text("below peak", "距高点"), True),
    )
    caption = Text("Growth of 1 at month ends, newest 120", "月末 1 元的增长，最近 120 个月")
    return Table(f"{id_}-data", caption, heads, tuple(rows))


def years(portfolio: Portfolio, id_: str) -> Chart:
    """Steady, or one lucky year? Net return of each year with its standard error."""
    question = Text(
        "Steady, or one lucky year? Net % per calendar year, ± 1 standard error",
        "是否稳定？各日历年扣费后收益 %，±1 标准误",
    )
    rows = [y for y in portfolio.years if y.net is not None]
    if not rows:
        return Chart(
            id_, portfolio.name, question, empty=Text("No year to show", "没有可显示的年份")
        )
    gains = sum(1 for y in rows if (y.net or 0) > 0)
    finding = say("{n} years gained, net of costs", "{n} 年扣费后盈利", n=fmt.of(gains, len(rows)))
    canvas = Canvas(id_, 500, 300, top=22, bottom=44)
    for x, year in enumerate(rows):
        _year_bar(canvas, x, 100 * (year.net or 0.0), 100 * year.error if year.error else None)
        if year.benchmark is not None:
            level = 100 * year.benchmark
            canvas.ax.plot([x - 0.4, x + 0.4], [level, level], color=COLOURS["ink"], linewidth=2)
    zero_line(canvas.ax)
    canvas.ax.margins(y=0.14)
    canvas.ticks(canvas.ax, range(len(rows)), [str(y.year) for y in rows], "x")
    for x, year in enumerate(rows):
        if year.until:
            below = canvas.ax.get_xaxis_transform()
            style = {"ha": "center", "fontsize": 10, "color": COLOURS["muted"]}
            canvas.note(canvas.ax, x, -0.165, _until(year.until), transform=below, **style)
    canvas.ax.set_xlim(-0.6, len(rows) - 0.4)
    canvas.label(canvas.ax, y=Text("net return, % per year", "扣费后收益，% / 年"))
    name = portfolio.benchmark_name or Text("benchmark", "基准")
    note = say("Black line across a bar: {b}.", "横线：{b}。", b=name)
    return Chart(
        id_,
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_years_table(portfolio, id_),
    )


def _year_bar(canvas: Canvas, x: int, value: float, error: float | None) -> None:
    colour = COLOURS["up"] if value >= 0 else COLOURS["down"]
    canvas.ax.bar([x], [value], width=0.64, color=colour, alpha=0.75)
    if error is not None:
        canvas.ax.plot([x, x], [value - error, value + error], color=COLOURS["ink"], linewidth=1.1)
    reach = (error or 0.0) if value >= 0 else -(error or 0.0)
    canvas.ax.annotate(
        canvas.words(fmt.fixed(value, 0 if abs(value) >= 10 else 1, sign=True)),
        (x, value + reach),
        (0, 4 if value >= 0 else -4),
        textcoords="offset points",
        ha="center",
        va="bottom" if value >= 0 else "top",
        fontsize=11,
        color=COLOURS["ink"],
    )


def _until(until: str) -> Words:
    """The end of a part year: `to 20 Nov`, in Chinese `至 11 月 20 日`."""
    month, day = int(until[5:7]), int(until[8:10])
    return Text(f"to {day} {_MONTHS[month - 1]}", f"至 {month} 月 {day} 日")


def _years_table(portfolio: Portfolio, id_: str) -> Table:
    rows = tuple(
        (
            words(f"{y.year}" + (f" → {y.until}" if y.until else "")),
            number(fmt.gain(y.net), y.net),
            number(fmt.percent(y.error, sign=False), y.error),
            number(fmt.gain(y.benchmark), y.benchmark),
        )
        for y in portfolio.years
    )
    heads = columns(
        Text("year", "年份"),
        (Text("net", "扣费后"), True),
        (Text("standard error", "标准误"), True),
        (Text("benchmark", "基准"), True),
    )
    return Table(f"{id_}-data", Text("Returns by year", "年度收益"), heads, rows)


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
