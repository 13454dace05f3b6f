"""Chart of one portfolio: growth and drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, date_ticks, thin, zero_line
from tasks.report.research import Portfolio
from tasks.report.words import Text, Words, pick, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: fewer sessions out of sample than this say nothing
LEAST_DAYS = 60
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
