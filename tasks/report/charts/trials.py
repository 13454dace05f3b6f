"""Charts of the trials: how sure, more than luck, plateau or spike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Cell, Chart, Table, columns, missing, number, words
from tasks.report.charts.canvas import COLOURS, DIVERGING, Canvas, zero_line
from tasks.report.research import ParameterMap, Trial, Trials
from tasks.report.words import Text, Words, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: rows of the dot-and-whisker chart
MOST_DOTS = 12
#: cells of one parameter map
MOST_CELLS = 2500
#: below this many cells each one is printed
PRINTED_CELLS = 90

NET_SHARPE = Text("net Sharpe ratio per year", "扣费后年化夏普比率")


def period(trials: Trials) -> Words:
    """The selection period in words."""
    return say("{a} to {b}", "{a} 至 {b}", a=trials.period[0], b=trials.period[1])


def survivors(trials: Trials) -> Chart:
    """Dot and whisker: how sure are we of each? Without survivors, the three nearest."""
    question = say(
        "How sure are we of each? Net Sharpe per year with 95 % interval, {p}, N = {n}",
        "每个结果有多可靠？扣费后年化夏普比率及 95 % 置信区间，{p}，N = {n}",
        p=period(trials),
        n=f"{trials.tried:,}",
    )
    rows = trials.of("SURVIVES", "CANDIDATE")[:MOST_DOTS]
    if not trials.count("SURVIVES"):
        rows = trials.of("CANDIDATE", "REJECTED")[:3]
    rows = tuple(row for row in rows if row.sharpe and row.sharpe.value is not None)
    finding = _survivors_finding(trials)
    if not rows:
        return Chart("survivors", finding, question, empty=finding)
    canvas = Canvas("survivors", 960, 70 + 30 * len(rows), left=210, right=150, bottom=44)
    for y, row in enumerate(reversed(rows)):
        _dot(canvas, y, row)
    canvas.ax.set_ylim(-0.7, len(rows) - 0.3)
    canvas.ax.grid(visible=False)
    canvas.ticks(canvas.ax, range(len(rows)), [_short(r.name) for r in reversed(rows)], "y")
    canvas.ax.tick_params(axis="y", colors=COLOURS["ink"], labelsize=12)
    for label, row in zip(canvas.ax.get_yticklabels(), reversed(rows), strict=True):
        label.set_fontweight("bold" if row.state == "SURVIVES" else "normal")
    zero_line(canvas.ax, "x")
    _noise_line(canvas, trials)
    canvas.label(canvas.ax, x=NET_SHARPE)
    note = Text(
        "Filled dot: survives. Hollow dot: not after correction. Small grey dot: rejected. "
        "Tick: net Sharpe after the haircut for N trials.",
        "实心点：通过多重检验。空心点：校正后不显著。小灰点：被拒绝。"
        "竖线：按 N 个试验折减后的夏普比率。",
    )
    return Chart(
        "survivors",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_dots_table(rows),
        wide=True,
    )


def _survivors_finding(trials: Trials) -> Words:
    n = trials.count("SURVIVES")
    if n:
        first = trials.of("SURVIVES")
        if not first:
            return say("{n} trials survive", "{n} 个试验通过", n=fmt.of(n, trials.tried))
        return say(
            "{n} trials survive; the surest, {name}, earns {sharpe} net Sharpe",
            "{n} 个试验通过；最可靠的 {name} 扣费后夏普比率为 {sharpe}",
            n=fmt.of(n, trials.tried),
            name=first[0].name,
            sharpe=fmt.estimate(first[0].sharpe),
        )
    nearest = trials.of("CANDIDATE", "REJECTED")
    best = fmt.q_value(nearest[0].q) if nearest else fmt.MISSING
    return say(
        "No trial survives of {n}; best q = {q}, the nearest are shown",
        "{n} 个试验无一通过；最小 q = {q}，图示最接近者",
        n=f"{trials.tried:,}",
        q=best,
    )


def _dot(canvas: Canvas, y: int, row: Trial) -> None:
    assert row.sharpe is not None
    assert row.sharpe.value is not None
    survives, rejected = row.state == "SURVIVES", row.state == "REJECTED"
    colour = COLOURS["grey"] if rejected else COLOURS["blue"]
    if row.sharpe.low is not None and row.sharpe.high is not None:
        canvas.ax.plot(
            [row.sharpe.low, row.sharpe.high],
            [y, y],
            color=colour,
            linewidth=2.4 if survives else 1.4,
            solid_capstyle="butt",
        )
    face = colour if survives or rejected else COLOURS["paper"]
    canvas.ax.plot(
        [row.sharpe.value],
        [y],
        marker="o",
        markersize=5 if rejected else 10,
        markerfacecolor=face,
        markeredgecolor=colour,
        markeredgewidth=2,
    )
    if row.adjusted is not None:
        canvas.ax.plot([row.adjusted] * 2, [y - 0.26, y + 0.26], color=COLOURS["ink"], linewidth=2)
    canvas.note(
        canvas.ax,
        1.02,
        y,
        fmt.estimate(row.sharpe),
        transform=canvas.ax.get_yaxis_transform(),
        va="center",
    )


def _noise_line(canvas: Canvas, trials: Trials) -> None:
    if trials.noise_best is None or trials.noise_best.value is None:
        return
    value = trials.noise_best.value
    canvas.ax.axvline(value, color=COLOURS["vermillion"], linewidth=1.4, linestyle=(0, (5, 3)))
    words = say("best of noise {v}", "纯噪声最优 {v}", v=fmt.ratio(value))
    canvas.note(
        canvas.ax,
        value,
        1.0,
        words,
        transform=canvas.ax.get_xaxis_transform(),
        ha="center",
        va="bottom",
        color=COLOURS["vermillion"],
        fontsize=11,
    )


def _dots_table(rows: Sequence[Trial]) -> Table:
    body = tuple(
        (
            words(row.name),
            number(fmt.ratio(row.sharpe.value), row.sharpe.value),
            number(fmt.ratio(row.sharpe.low), row.sharpe.low),
            number(fmt.ratio(row.sharpe.high), row.sharpe.high),
            number(fmt.q_value(row.q), row.q),
        )
        for row in rows
        if row.sharpe
    )
    heads = columns(
        Text("trial", "试验"),
        (Text("net Sharpe", "扣费后夏普"), True),
        (Text("95 % low", "95 % 下限"), True),
        (Text("95 % high", "95 % 上限"), True),
        ("q", True),
    )
    return Table("survivors-data", Text("The numbers of this chart", "本图数据"), heads, body)


def histogram(trials: Trials) -> Chart:
    """Is the best more than luck? Trials by net Sharpe beside the expectation without skill."""
    question = say(
        "Is the best more than luck? {n} trials by net Sharpe, {p}",
        "最优结果是否只是运气？{n} 个试验的扣费后夏普比率分布，{p}",
        n=fmt.of(trials.scored, trials.tried),
        p=period(trials),
    )
    finding = _histogram_finding(trials)
    h = trials.histogram
    if h is None or not h.counts or trials.scored == 0:
        empty = (
            say(
                "No trials scored: all {n} failed, see J",
                "没有试验得到评分：{n} 个全部失败，见 J",
                n=f"{trials.tried:,}",
            )
            if trials.scored == 0
            else Text("No histogram was computed", "未计算直方图")
        )
        return Chart("histogram", finding, question, empty=empty)
    canvas = Canvas("histogram", 500, 320, top=34)
    edges = np.array(h.edges)
    centres = (edges[1:] + edges[:-1]) / 2
    canvas.ax.bar(centres, h.counts, width=np.diff(edges) * 0.92, color=COLOURS["blue"], alpha=0.55)
    if h.no_skill:
        if h.low and h.high:
            canvas.ax.fill_between(
                centres, h.low, h.high, color=COLOURS["grey"], alpha=0.25, linewidth=0
            )
        canvas.ax.plot(centres, h.no_skill, color=COLOURS["ink"], linewidth=1.8)
    zero_line(canvas.ax, "x")
    _noise_line(canvas, trials)
    _best_mark(canvas, trials, max(h.counts))
    canvas.label(canvas.ax, x=NET_SHARPE, y=Text("number of trials", "试验数"))
    note = say(
        "Bars: trials. Black line with 5–95 % band: expected without any skill ({m}).",
        "柱：试验数。黑线及 5–95 % 带：无技能时的期望（{m}）。",
        m=h.method or Text("method not given", "未注明方法"),
    )
    return Chart(
        "histogram",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_histogram_table(trials),
    )


def _histogram_finding(trials: Trials) -> Words:
    best, noise = trials.best, trials.noise_best
    if best is None or best.value is None or noise is None or noise.value is None:
        return say("{n} trials were tried", "共 {n} 个试验", n=f"{trials.tried:,}")
    beyond = best.value > (noise.high if noise.high is not None else noise.value)
    ending = (
        Text("above the range of luck", "超出运气范围")
        if beyond
        else Text("within the range of luck", "在运气范围之内")
    )
    return say(
        "Best of {n} is {best}; noise alone reaches {noise}: {ending}",
        "{n} 个中最优为 {best}；纯噪声可达 {noise}：{ending}",
        n=f"{trials.tried:,}",
        best=fmt.ratio(best.value),
        noise=fmt.estimate(noise),
        ending=ending,
    )


def _best_mark(canvas: Canvas, trials: Trials, top: int) -> None:
    if trials.best is None or trials.best.value is None:
        return
    x = trials.best.value
    canvas.ax.annotate(
        canvas.words(say("best seen {v}", "最优 {v}", v=fmt.ratio(x))),
        (x, 0),
        (x, top * 0.42),
        ha="center",
        fontsize=11,
        color=COLOURS["ink"],
        arrowprops={"arrowstyle": "-", "color": COLOURS["ink"], "linewidth": 1.1},
    )


def _histogram_table(trials: Trials) -> Table:
    h = trials.histogram
    assert h is not None
    rows = []
    for i, n in enumerate(h.counts):
        span = f"{fmt.ratio(h.edges[i])} … {fmt.ratio(h.edges[i + 1])}"
        luck = h.no_skill[i] if h.no_skill else None
        rows.append(
            (
                Cell(span, h.edges[i]),
                number(f"{n:,}", n),
                number(fmt.significant(luck), luck),
            )
        )
    heads = columns(
        (NET_SHARPE, True),
        (Text("trials", "试验数"), True),
        (Text("expected without skill", "无技能期望"), True),
    )
    return Table(
        "histogram-data", Text("The numbers of this chart", "本图数据"), heads, tuple(rows)
    )


def parameter_map(trials: Trials, grid: ParameterMap, position: int) -> Chart:
    """A plateau or a lucky spike? Net Sharpe minus best-of-noise over two parameters."""
    name = f"map{position}"
    noise = trials.noise_best.value if trials.noise_best else None
    base = noise or 0.0
    question = say(
        "A plateau or a lucky spike? Net Sharpe minus {base} over two parameters, {p}{fixed}",
        "是平台还是偶然尖峰？扣费后夏普减去{base}，{p}{fixed}",
        base=say("best of noise ({v})", "纯噪声最优（{v}）", v=fmt.ratio(noise))
        if noise is not None
        else Text("zero", "零"),
        p=period(trials),
        fixed=say("; {f}", "；{f}", f=grid.fixed) if grid.fixed else "",
    )
    values = np.array(
        [[np.nan if v is None else v - base for v in row] for row in grid.sharpe], dtype=float
    )
    if values.size == 0 or np.all(np.isnan(values)):
        empty = say("{s}: no cell was run", "{s}：没有单元格运行", s=grid.strategy)
        return Chart(name, grid.strategy, question, empty=empty)
    if values.size > MOST_CELLS:
        empty = say(
            "{s}: {n} cells are too many to draw",
            "{s}：{n} 个单元格过多",
            s=grid.strategy,
            n=f"{values.size:,}",
        )
        return Chart(name, grid.strategy, question, empty=empty)
    finding = _map_finding(grid, values)
    span = max(float(np.nanmax(np.abs(values))), 0.1)
    canvas = Canvas(name, 500, 340, left=76, right=92, top=12)
    _cells(canvas, grid, values, span)
    canvas.ticks(canvas.ax, range(len(grid.x)), _every(grid.x, 14), "x")
    canvas.ticks(canvas.ax, range(len(grid.y)), _every(grid.y, 14), "y")
    canvas.label(canvas.ax, x=grid.x_name, y=grid.y_name)
    _key(canvas, span)
    not_run = int(np.isnan(values).sum())
    note = say(
        "Scale ±{s}. Hatched: the 95 % interval contains 0. Outlined: the chosen cell. "
        "Not run: {k}.",
        "色阶 ±{s}。斜线：95 % 置信区间含 0。粗框：选定单元格。未运行：{k}。",
        s=fmt.ratio(span),
        k=fmt.of(not_run, values.size),
    )
    return Chart(
        name,
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_map_table(name, grid),
    )


def _map_finding(grid: ParameterMap, values: np.ndarray) -> Words:
    if grid.chosen is None:
        above = int(np.nansum(values > 0))
        return say(
            "{s}: {n} cells beat the best of noise",
            "{s}：{n} 个单元格超过纯噪声最优",
            s=grid.strategy,
            n=fmt.of(above, int((~np.isnan(values)).sum())),
        )
    x, y = grid.chosen
    around = values[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    neighbours = np.append(around[~np.isnan(around)], [])
    share = float((neighbours > 0.5 * values[y, x]).mean()) if values[y, x] > 0 else 0.0
    verdict = (
        Text("stands on a plateau", "位于平台之上")
        if share >= 0.6
        else Text("is a spike, its neighbours are much lower", "是尖峰，相邻单元格低得多")
        if values[y, x] > 0
        else Text("does not beat the best of noise", "未超过纯噪声最优")
    )
    return say(
        "{s}: {x} / {y} {verdict}",
        "{s}：{x} / {y} {verdict}",
        s=grid.strategy,
        x=grid.x[x],
        y=grid.y[y],
        verdict=verdict,
    )


def _cells(canvas: Canvas, grid: ParameterMap, values: np.ndarray, span: float) -> None:
    from matplotlib.patches import Rectangle

    axes = canvas.ax
    rows, width = values.shape
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    for y in range(rows):
        for x in range(width):
            value = float(values[y, x])
            ran = value == value
            step = min(8, int((value / span + 1) / 2 * 9)) if ran else 4
            colour = DIVERGING[8 - step] if ran else COLOURS["line"]
            axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour))
            zero = grid.contains_zero[y][x] if grid.contains_zero else None
            if zero and ran:
                _hatch(axes, x, y, COLOURS["paper" if step in (0, 1, 7, 8) else "muted"])
            if ran and values.size <= PRINTED_CELLS:
                ink = COLOURS["paper"] if step in (0, 1, 7, 8) else COLOURS["ink"]
                text = fmt.ratio(value, sign=True)
                canvas.note(axes, x, y, text, ha="center", va="center", fontsize=10, color=ink)
    if grid.chosen:
        x, y = grid.chosen
        axes.add_patch(
            Rectangle(
                (x - 0.48, y - 0.48), 0.96, 0.96, fill=False, edgecolor=COLOURS["ink"], linewidth=3
            )
        )


def _hatch(axes: Axes, x: int, y: int, colour: str) -> None:
    """Two thin diagonals in each of two corners, so that a printed value stays legible."""
    for reach in (0.16, 0.3):
        for side in (-1, 1):
            corner = 0.46 * side
            inner = corner - side * reach
            axes.plot([x + corner, x + inner], [y + inner, y + corner], color=colour, linewidth=0.9)


def _key(canvas: Canvas, span: float) -> None:
    """The colour key: nine steps with the symmetric range printed."""
    from matplotlib.patches import Rectangle

    box = canvas.ax.get_position()
    axes = canvas.figure.add_axes((box.x1 + 0.035, box.y0, 0.03, box.height))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 9)
    for i, colour in enumerate(reversed(DIVERGING)):
        axes.add_patch(Rectangle((0, i), 1, 0.94, facecolor=colour))
    for y, value in ((0.45, -span), (4.5, 0.0), (8.55, span)):
        text = fmt.ratio(value, sign=True)
        canvas.note(axes, 1.3, y, text, va="center", fontsize=11, color=COLOURS["muted"])


def _map_table(name: str, grid: ParameterMap) -> Table:
    rows = []
    for y, label in enumerate(grid.y):
        cells = [Cell(label, label)]
        for value in grid.sharpe[y]:
            why = Text("not run", "未运行")
            cells.append(missing(why) if value is None else number(fmt.ratio(value), value))
        rows.append(tuple(cells))
    caption = say(
        "Net Sharpe: rows {y}, columns {x}",
        "扣费后夏普：行 {y}，列 {x}",
        y=grid.y_name,
        x=grid.x_name,
    )
    heads = columns(grid.y_name, *[(x, True) for x in grid.x])
    return Table(f"{name}-data", caption, heads, tuple(rows))


def _every(labels: Sequence[str], most: int) -> list[Words]:
    """At most `most` labels, the others blank, so that they never overlap."""
    step = -(-len(labels) // most)
    return [label if i % step == 0 else " " for i, label in enumerate(labels)]


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
