"""Charts of the factors: monotone, alive, how long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, zero_line
from tasks.report.research import Estimate, Factors, QuantileReturns
from tasks.report.words import Text, Words, join, say

#: small multiples beside or below each other
MOST_PANELS = 4
_SERIES = ("blue", "vermillion", "purple", "grey")
_MARKS = ("o", "s", "D", "^")


def _period(factors: Factors) -> Words:
    return say("{a} to {b}", "{a} 至 {b}", a=factors.period[0], b=factors.period[1])


def quantiles(factors: Factors) -> Chart:
    """Monotone? Mean return per day by quantile of each factor, lowest quantile left."""
    question = say(
        "Monotone? Gross return per day by quantile, 95 % Newey–West bars, {p}",
        "是否单调？各分位数日均收益（费前），95 % Newey–West 误差，{p}",
        p=_period(factors),
    )
    known = [q for q in factors.quantiles if any(e.value is not None for e in q.returns)]
    shown = known[:MOST_PANELS]
    if not shown:
        empty = Text("No return by quantile was computed", "未计算分位数收益")
        return Chart("quantiles", empty, question, empty=empty)
    finding = _quantile_finding(shown)
    wide = len(shown) > 1
    canvas = Canvas(
        "quantiles",
        960 if wide else 500,
        290,
        columns=len(shown),
        left=66,
        top=34,
        bottom=44,
    )
    low, high = _limits([e for q in shown for e in q.returns])
    for axes, group in zip(canvas.axes, shown, strict=True):
        for x, mean in enumerate(group.returns):
            value = mean.value or 0.0
            colour = COLOURS["up"] if value >= 0 else COLOURS["down"]
            axes.bar([x], [value], width=0.68, color=colour, alpha=0.75)
            if mean.low is not None and mean.high is not None:
                axes.plot([x, x], [mean.low, mean.high], color=COLOURS["ink"], linewidth=1.1)
        zero_line(axes)
        axes.set_ylim(low, high)
        canvas.ticks(
            axes, range(len(group.returns)), [f"{i + 1}" for i in range(len(group.returns))], "x"
        )
        canvas.note(axes, 0.0, 1.04, group.name[:22], transform=axes.transAxes, fontweight="bold")
        canvas.label(axes, x=Text("quantile, 1 = lowest", "分位，1 为最低"))
        if axes is not canvas.ax:
            axes.tick_params(labelleft=False)
    canvas.label(canvas.ax, y=Text("basis points per day", "基点 / 日"))
    note = _short_groups(factors)
    return Chart(
        "quantiles",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_quantile_table(factors),
        wide=wide,
    )


def _quantile_finding(shown: Sequence[QuantileReturns]) -> Words:
    steady = [q.name for q in shown if _is_monotone(q.returns)]
    if not steady:
        return Text("No factor's returns rise or fall steadily", "没有因子的分位数收益单调")
    return say(
        "Returns rise or fall steadily across quantiles for {n} shown: {names}",
        "所示因子中 {n} 的分位数收益单调：{names}",
        n=fmt.of(len(steady), len(shown)),
        names=join(steady),
    )


def _is_monotone(returns: Sequence[Estimate]) -> bool:
    steps = np.diff([e.value or 0.0 for e in returns])
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _limits(estimates: Sequence[Estimate]) -> tuple[float, float]:
    ends = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    pad = 0.08 * (high - low or 1.0)
    return low - pad, high + pad


def _short_groups(factors: Factors) -> Words:
    short = max((q.short_days for q in factors.quantiles), default=0)
    if not short:
        return Text("Same scale in all panels.", "各图坐标相同。")
    return say(
        "Same scale in all panels. Fewer than 20 stocks per group on {n} days.",
        "各图坐标相同。{n} 天每组不足 20 只股票。",
        n=f"{short:,}",
    )


def _quantile_table(factors: Factors) -> Table:
    most = max(len(q.returns) for q in factors.quantiles)
    rows = []
    for group in factors.quantiles:
        cells = [words(group.name)]
        for mean in group.returns:
            cells.append(number(_bp_estimate(mean), mean.value))
        cells += [number(fmt.MISSING, None)] * (most - len(group.returns))
        rows.append((*cells, number(f"{group.days:,}", group.days)))
    heads = columns(
        Text("factor", "因子"),
        *[(say("Q{i}, bp per day", "Q{i}，基点/日", i=str(i + 1)), True) for i in range(most)],
        (Text("days", "天数"), True),
    )
    return Table(
        "quantiles-data", Text("The numbers of this chart", "本图数据"), heads, tuple(rows)
    )


def _bp_estimate(mean: Estimate) -> str:
    text = fmt.fixed(mean.value, 1, sign=True)
    if mean.low is None or mean.high is None:
        return text
    return f"{text} [{fmt.fixed(mean.low, 1)}, {fmt.fixed(mean.high, 1)}]"


def monthly_ic(factors: Factors) -> Chart:
    """Alive? Monthly mean rank IC with two Newey-West errors, one panel per factor."""
    question = say(
        "Alive? Monthly mean rank IC against {l}, ± 2 Newey–West errors, {p}",
        "是否有效？对{l}的月均秩 IC，±2 Newey–West 误差，{p}",
        l=factors.label,
        p=_period(factors),
    )
    shown = [m for m in factors.monthly if len(m.months) >= 2][:MOST_PANELS]
    if not shown:
        days = max((len(m.months) for m in factors.monthly), default=0)
        empty = say(
            "Monthly IC needs 2 months, {n} present",
            "月度 IC 需要 2 个月，现有 {n} 个月",
            n=str(days),
        )
        return Chart("monthly-ic", empty, question, empty=empty)
    alive = [m.name for m in shown if _alive(m.ic[-6:], m.error[-6:])]
    finding = (
        say(
            "Rank IC still differs from 0 in the last six months: {n}",
            "近六个月秩 IC 仍显著不为 0：{n}",
            n=join(alive),
        )
        if alive
        else Text(
            "No factor's IC differs from 0 in the last six months",
            "近六个月没有因子的 IC 显著不为 0",
        )
    )
    canvas = Canvas(
        "monthly-ic",
        500,
        90 + 105 * len(shown),
        heights=(1,) * len(shown),
        left=62,
        top=22,
        bottom=26,
        gap=0.4,
    )
    top = max(
        abs(v) + 2 * (e or 0)
        for m in shown
        for v, e in zip(m.ic, m.error, strict=True)
        if v is not None
    )
    for axes, series, colour in zip(canvas.axes, shown, _SERIES, strict=False):
        points = [
            (x, value, 2 * (error or 0.0))
            for x, (value, error) in enumerate(zip(series.ic, series.error, strict=True))
            if value is not None
        ]
        xs, means, reach = (np.array(column) for column in zip(*points, strict=True))
        axes.vlines(xs, means - reach, means + reach, color=COLOURS[colour], linewidth=1)
        axes.plot(xs, means, marker="o", markersize=4, linestyle="", color=COLOURS[colour])
        zero_line(axes)
        axes.set_ylim(-top * 1.1, top * 1.1)
        axes.set_xlim(-0.7, len(series.months) - 0.3)
        canvas.note(
            axes,
            0.0,
            1.02,
            series.name[:30],
            transform=axes.transAxes,
            fontweight="bold",
            fontsize=11,
        )
        step = -(-len(series.months) // 6)
        at = range(0, len(series.months), step)
        canvas.ticks(axes, at, [series.months[i] for i in at], "x")
        if axes is not canvas.axes[len(shown) - 1]:
            axes.tick_params(labelbottom=False)
    canvas.label(canvas.axes[len(shown) // 2], y=Text("rank IC", "秩 IC"))
    note = Text(
        "Daily values are not drawn. Same scale in all panels.", "不绘制日值。各图坐标相同。"
    )
    return Chart(
        "monthly-ic",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_monthly_table(factors),
    )


def _alive(ic: Sequence[float | None], error: Sequence[float | None]) -> bool:
    """Whether the mean of some months differs from zero by two of its errors."""
    pairs = [(v, e) for v, e in zip(ic, error, strict=True) if v is not None and e is not None]
    if len(pairs) < 3:
        return False
    mean = sum(v for v, _ in pairs) / len(pairs)
    spread = float(np.sqrt(sum(e * e for _, e in pairs))) / len(pairs)
    return abs(mean) > 2 * spread


def _monthly_table(factors: Factors) -> Table:
    shown = factors.monthly[:MOST_PANELS]
    months = sorted({month for m in shown for month in m.months}, reverse=True)
    lookup = {(m.name, k): v for m in shown for k, v in zip(m.months, m.ic, strict=True)}
    rows = tuple(
        (
            words(month),
            *[
                number(fmt.coefficient(lookup.get((m.name, month))), lookup.get((m.name, month)))
                for m in shown
            ],
        )
        for month in months
    )
    heads = columns(Text("month", "月份"), *[(m.name, True) for m in shown])
    return Table("monthly-ic-data", Text("Monthly mean rank IC", "月均秩 IC"), heads, rows)


def decay(factors: Factors) -> Chart:
    """How long? Rank IC by horizon with 95 % bars."""
    question = say(
        "How long does it last? Rank IC by horizon with 95 % bars, {p}",
        "能持续多久？不同期限的秩 IC 与 95 % 误差，{p}",
        p=_period(factors),
    )
    shown = [d for d in factors.decay if d.horizons][:MOST_PANELS]
    if not shown:
        empty = Text("No decay was computed", "未计算衰减")
        return Chart("decay", empty, question, empty=empty)
    finding = _decay_finding(shown[0].name, shown[0].horizons, shown[0].ic)
    canvas = Canvas("decay", 500, 320, right=130, top=14)
    positions = {h: i for i, h in enumerate(sorted({h for d in shown for h in d.horizons}))}
    for k, series in enumerate(shown):
        shift = (k - (len(shown) - 1) / 2) * 0.1
        xs = [positions[h] + shift for h in series.horizons]
        ys = [e.value if e.value is not None else np.nan for e in series.ic]
        colour = COLOURS[_SERIES[k]]
        canvas.ax.plot(xs, ys, color=colour, linewidth=1.6, marker=_MARKS[k], markersize=5)
        for x, e in zip(xs, series.ic, strict=True):
            if e.low is not None and e.high is not None:
                canvas.ax.plot([x, x], [e.low, e.high], color=colour, linewidth=1, alpha=0.7)
    _series_labels(
        canvas, [(d.name, d.ic[-1].value or 0.0) for d in shown], max(positions.values())
    )
    zero_line(canvas.ax)
    canvas.ticks(canvas.ax, list(positions.values()), [str(h) for h in positions], "x")
    canvas.label(
        canvas.ax, x=Text("horizon, trading days", "期限，交易日"), y=Text("rank IC", "秩 IC")
    )
    return Chart(
        "decay", finding, question, canvas.svg(finding, question), data=_decay_table(factors)
    )


def _decay_finding(name: str, horizons: Sequence[int], ic: Sequence[Estimate]) -> Words:
    lasting = [
        h
        for h, e in zip(horizons, ic, strict=True)
        if e.low is not None and e.high is not None and (e.low > 0 or e.high < 0)
    ]
    if not lasting:
        return say("{n} differs from 0 at no horizon", "{n} 在任何期限都不显著", n=name)
    return say(
        "{n} differs from 0 up to {h} trading days",
        "{n} 在 {h} 个交易日内显著不为 0",
        n=name,
        h=str(max(lasting)),
    )


def _series_labels(canvas: Canvas, ends: Sequence[tuple[str, float]], last: float) -> None:
    low, high = canvas.ax.get_ylim()
    gap, previous = (high - low) * 0.075, -np.inf
    for name, value in sorted(ends, key=lambda e: e[1]):
        y = max(value, previous + gap)
        previous = y
        colour = COLOURS[_SERIES[[n for n, _ in ends].index(name)]]
        canvas.note(canvas.ax, last + 0.25, y, name[:15], color=colour, va="center", fontsize=11)


def _decay_table(factors: Factors) -> Table:
    rows = tuple(
        (
            words(f"{series.name}, {h}"),
            number(fmt.estimate(e, "coefficient"), e.value),
        )
        for series in factors.decay[:MOST_PANELS]
        for h, e in zip(series.horizons, series.ic, strict=True)
    )
    heads = columns(
        Text("factor, horizon in days", "因子，期限（日）"),
        (Text("rank IC [95 %]", "秩 IC [95 %]"), True),
    )
    return Table("decay-data", Text("The numbers of this chart", "本图数据"), heads, rows)
