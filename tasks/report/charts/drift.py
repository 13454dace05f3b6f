"""Chart of the model's inputs: are tonight's values as in training?

Only a feature whose state is `watch` or `drifted` is counted: its index is above the fixed level
and above what its own training days usually reach. One day's cross-section always differs from
all training days together, so the fixed level alone would raise an alarm every night.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas
from tasks.report.research import Drift, DriftState, Model
from tasks.report.words import Text, Words, say

MOST_ROWS = 12
#: population stability index: a shift worth a look, and a large one
WATCH, LARGE = 0.1, 0.25
#: states, worst first; the first two are alarms
_STATES: dict[DriftState, Text] = {
    "drifted": Text("drifted", "漂移"),
    "watch": Text("watch", "关注"),
    "stable": Text("stable", "稳定"),
    "unknown": Text("unknown", "未知"),
}
_ORDER = tuple(_STATES)
_ALARMS: tuple[DriftState, ...] = ("drifted", "watch")


def drift(model: Model) -> Chart:
    """Are tonight's inputs as in training? Population stability index, alarms first."""
    question = Text(
        "Are tonight's inputs as in training? Population stability index, alarms first",
        "今晚的输入与训练时一致吗？总体稳定性指数，报警者在前",
    )
    rows = sorted(model.drift, key=_alarms_first)
    if not rows:
        empty: Words = model.drift_missing or Text("Drift was not computed", "未计算漂移")
        return Chart("drift", empty, question, empty=empty)
    finding = _finding(rows)
    known = [row for row in rows if row.psi is not None]
    if not known:
        return Chart("drift", finding, question, empty=finding, data=_table(rows))
    shown = known[:MOST_ROWS]
    canvas = Canvas("drift", 500, 76 + 22 * len(shown), left=150, top=24, bottom=44)
    _dots(canvas, shown)
    _levels(canvas)
    reach = [v for r in shown for v in (r.psi, r.high, r.usual) if v is not None]
    canvas.ax.set_xlim(0, max(LARGE * 1.15, *reach) * 1.04)
    canvas.label(
        canvas.ax, x=Text("population stability index (no unit)", "总体稳定性指数（无单位）")
    )
    return Chart(
        "drift",
        finding,
        question,
        canvas.svg(finding, question),
        note=_note(len(shown), len(rows)),
        data=_table(rows),
    )


def _alarms_first(row: Drift) -> tuple[int, float, str]:
    return (_ORDER.index(row.state), -(row.psi or 0.0), row.feature)


def _finding(rows: Sequence[Drift]) -> Words:
    alarmed = sum(1 for r in rows if r.state in _ALARMS)
    judged = sum(1 for r in rows if r.state != "unknown")
    if not judged:
        return say("None of {n} features could be judged", "{n} 个特征均无法判断", n=str(len(rows)))
    if not alarmed:
        return say(
            "None of {n} features moved beyond its usual range",
            "{n} 个特征均未超出其通常范围",
            n=str(judged),
        )
    return say(
        "{n} features moved beyond their usual range, {k} of them far (above {l})",
        "{n} 个特征超出其通常范围，其中 {k} 个较大（高于 {l}）",
        n=fmt.of(alarmed, judged),
        k=str(sum(1 for r in rows if r.state == "drifted")),
        l=fmt.ratio(LARGE),
    )


def _dots(canvas: Canvas, rows: Sequence[Drift]) -> None:
    """A dot per feature, its range over past nights, a tick at its usual level; first on top."""
    axes = canvas.ax
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=COLOURS["line"], linewidth=0.8)
    for y, row in enumerate(reversed(rows)):
        alarmed = row.state in _ALARMS
        colour = COLOURS["vermillion" if alarmed else "blue"]
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1.8, alpha=0.7)
        if row.usual is not None:
            axes.plot([row.usual] * 2, [y - 0.3, y + 0.3], color=COLOURS["ink"], linewidth=2)
        axes.plot(
            row.psi or 0.0,
            y,
            marker="o",
            markersize=7,
            markerfacecolor=colour if alarmed else COLOURS["paper"],
            markeredgecolor=colour,
            markeredgewidth=1.6,
        )
    canvas.ticks(axes, range(len(rows)), [r.feature[:20] for r in reversed(rows)], "y")
    axes.set_ylim(-0.6, len(rows) - 0.4)


def _levels(canvas: Canvas) -> None:
    watch_it, much = Text("watch 0.10 ", "关注 0.10 "), Text(" large 0.25", " 较大 0.25")
    for level, name, side in ((WATCH, watch_it, "right"), (LARGE, much, "left")):
        canvas.ax.axvline(level, color=COLOURS["muted"], linewidth=1.2, linestyle=(0, (5, 3)))
        above = canvas.ax.get_xaxis_transform()
        style = {"va": "bottom", "fontsize": 11, "color": COLOURS["muted"]}
        canvas.note(canvas.ax, level, 1.0, name, transform=above, ha=side, **style)


def _note(shown: int, total: int) -> Words:
    return say(
        "{n} of {k} features, alarms first. Filled dot: alarm, above the dashed level and above "
        "the black tick. Hollow dot: no alarm. Black tick: the feature's usual level, which 1 % of "
        "its training days exceed; one day always differs from its training days together. "
        "Line: range over the last 20 nights.",
        "{k} 个特征中的 {n} 个，报警者在前。实心点：报警，即同时高于虚线与黑色竖线。"
        "空心点：无报警。黑色竖线：该特征的通常水平，仅 1 % 的训练日超过；"
        "单日截面总会异于训练日的总体。"
        "横线：近 20 次运行的范围。",
        n=str(shown),
        k=str(total),
    )


def _table(rows: Sequence[Drift]) -> Table:
    body = tuple(
        (
            words(r.feature),
            words(_STATES[r.state]),
            number(fmt.significant(r.psi), r.psi),
            number(fmt.significant(r.usual), r.usual),
            number(fmt.significant(r.low), r.low),
            number(fmt.significant(r.high), r.high),
        )
        for r in rows
    )
    heads = columns(
        Text("feature", "特征"),
        Text("state", "状态"),
        (Text("index tonight", "今晚指数"), True),
        (Text("usual level", "通常水平"), True),
        (Text("lowest of 20 nights", "20 夜最低"), True),
        (Text("highest of 20 nights", "20 夜最高"), True),
    )
    return Table("drift-data", Text("Population stability index", "总体稳定性指数"), heads, body)
