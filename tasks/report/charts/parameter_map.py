"""Chart of one strategy's trials: a plateau or a lucky spike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Cell, Chart, Table, columns, missing, number
from tasks.report.charts.canvas import COLOURS, DIVERGING, Canvas
from tasks.report.charts.trials import period
from tasks.report.trials import ParameterMap, Trials
from tasks.report.words import Text, Words, capital, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: cells of one parameter map
MOST_CELLS = 2500
#: below this many cells each one is printed
PRINTED_CELLS = 90


def parameter_map(trials: Trials, grid: ParameterMap, position: int) -> Chart:
    """A plateau or a lucky spike? Net Sharpe minus best-of-noise over two parameters."""
    name = f"map{position}"
    noise = trials.noise_best.value if trials.noise_best else None
    base = noise or 0.0
    question = say(
        "A plateau or a lucky spike? {m} minus {base} over two parameters, {p}{fixed}",
        "是平台还是偶然尖峰？{m}减去{base}，{p}{fixed}",
        m=capital(trials.measured),
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
        data=_map_table(name, grid, trials.measured),
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
    unsure: dict[str, list[tuple[int, int]]] = {}
    for y in range(rows):
        for x in range(width):
            value = float(values[y, x])
            ran = value == value
            step = min(8, int((value / span + 1) / 2 * 9)) if ran else 4
            colour = DIVERGING[8 - step] if ran else COLOURS["line"]
            axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour))
            zero = grid.contains_zero[y][x] if grid.contains_zero else None
            if zero and ran:
                colour = COLOURS["paper" if step in (0, 1, 7, 8) else "muted"]
                unsure.setdefault(colour, []).append((x, y))
            if ran and values.size <= PRINTED_CELLS:
                ink = COLOURS["paper"] if step in (0, 1, 7, 8) else COLOURS["ink"]
                text = fmt.ratio(value, sign=True)
                canvas.note(axes, x, y, text, ha="center", va="center", fontsize=10, color=ink)
    for colour, places in unsure.items():
        _hatch(axes, places, colour)
    if grid.chosen:
        x, y = grid.chosen
        axes.add_patch(
            Rectangle(
                (x - 0.48, y - 0.48), 0.96, 0.96, fill=False, edgecolor=COLOURS["ink"], linewidth=3
            )
        )


def _hatch(axes: Axes, cells: list[tuple[int, int]], colour: str) -> None:
    """Two thin diagonals in each of two corners, so that a printed value stays legible.

    All in one line with gaps: a thousand lines of their own take a second to draw.
    """
    across: list[float] = []
    down: list[float] = []
    for x, y in cells:
        for reach in (0.16, 0.3):
            for side in (-1, 1):
                corner = 0.46 * side
                inner = corner - side * reach
                across += [x + corner, x + inner, np.nan]
                down += [y + inner, y + corner, np.nan]
    axes.plot(across, down, color=colour, linewidth=0.9)


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


def _map_table(name: str, grid: ParameterMap, measured: Words) -> Table:
    rows = []
    for y, label in enumerate(grid.y):
        cells = [Cell(label, label)]
        for value in grid.sharpe[y]:
            why = Text("not run", "未运行")
            cells.append(missing(why) if value is None else number(fmt.ratio(value), value))
        rows.append(tuple(cells))
    caption = say(
        "{m}: rows {y}, columns {x}",
        "{m}：行 {y}，列 {x}",
        m=capital(measured),
        y=grid.y_name,
        x=grid.x_name,
    )
    heads = columns(grid.y_name, *[(x, True) for x in grid.x])
    return Table(f"{name}-data", caption, heads, tuple(rows))


def _every(labels: Sequence[str], most: int) -> list[Words]:
    """At most `most` labels, the others blank, so that they never overlap."""
    step = -(-len(labels) // most)
    return [label if i % step == 0 else " " for i, label in enumerate(labels)]
