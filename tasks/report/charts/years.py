"""Chart of one portfolio: its calendar years."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, zero_line
from tasks.report.research import Portfolio
from tasks.report.words import Text, Words, say

_HEIGHT = 300
#: units of the picture's height that a printed value takes, and keeps from what is behind it
_TALL, _CLEAR = 20.0, 3.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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
    canvas = Canvas(id_, 500, _HEIGHT, top=22, bottom=44)
    for x, year in enumerate(rows):
        _year_bar(canvas, x, 100 * (year.net or 0.0), _percent(year.error) or 0.0)
        if year.benchmark is not None:
            level = 100 * year.benchmark
            canvas.ax.plot([x - 0.4, x + 0.4], [level, level], color=COLOURS["ink"], linewidth=2)
    zero_line(canvas.ax)
    canvas.ax.margins(y=0.16)
    for x, year in enumerate(rows):
        _value(canvas, x, 100 * (year.net or 0.0), _percent(year.error), _percent(year.benchmark))
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


def _year_bar(canvas: Canvas, x: int, value: float, error: float) -> None:
    colour = COLOURS["up"] if value >= 0 else COLOURS["down"]
    canvas.ax.bar([x], [value], width=0.64, color=colour, alpha=0.75)
    if error:
        canvas.ax.plot([x, x], [value - error, value + error], color=COLOURS["ink"], linewidth=1.1)


def _value(
    canvas: Canvas, x: int, value: float, error: float | None, benchmark: float | None
) -> None:
    """The printed value beyond the bar's error, and beyond the benchmark's line if that is there.

    Called when the axis has its final range, which says how much room a text takes.
    """
    side = 1 if value >= 0 else -1
    at = value + side * (error or 0.0)
    if benchmark is not None and -_CLEAR < side * (benchmark - at) / _unit(canvas) < _TALL:
        at = benchmark
    canvas.ax.annotate(
        canvas.words(fmt.fixed(value, 0 if abs(value) >= 10 else 1, sign=True)),
        (x, at),
        (0, 4 * side),
        textcoords="offset points",
        ha="center",
        va="bottom" if side > 0 else "top",
        fontsize=11,
        color=COLOURS["ink"],
    )


def _unit(canvas: Canvas) -> float:
    """Percent that one unit of the picture's height stands for."""
    low, high = canvas.ax.get_ylim()
    return float((high - low) / (canvas.ax.get_position().height * _HEIGHT))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


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
