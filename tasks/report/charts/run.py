"""The timeline: where did the time go?"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas
from tasks.report.night import Stage
from tasks.report.words import Text, Words, pick, say

_LETTER = {"cpu": "C", "gpu": "G"}


def timeline(stages: Sequence[Stage]) -> Chart:
    """Wall-clock minutes by stage, by device, with the median of past nights."""
    question = Text(
        "Where did the time go? Wall-clock time per stage; C = CPU, G = GPU",
        "时间花在哪里？各阶段用时；C = CPU，G = GPU",
    )
    timed = [s for s in stages if s.seconds is not None]
    if not timed:
        empty = Text("No stage has a time yet", "尚无阶段用时")
        return Chart("timeline", empty, question, empty=empty, wide=True)
    total = sum(s.seconds or 0.0 for s in timed)
    longest = max(timed, key=lambda s: s.seconds or 0.0)
    finding = say(
        "{s} took {t}, {p} of all stages' time",
        "{s} 用时 {t}，占全部阶段的 {p}",
        s=longest.name,
        t=fmt.duration(longest.seconds),
        p=fmt.share((longest.seconds or 0.0) / total if total else None),
    )
    unit, label = _unit(max((s.start or 0.0) + (s.seconds or 0.0) for s in timed))
    canvas = Canvas("timeline", 960, 60 + 30 * len(stages), left=120, right=170, bottom=44)
    axes = canvas.ax
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=COLOURS["line"], linewidth=0.8)
    clock = 0.0
    for row, stage in enumerate(stages):
        y = len(stages) - 1 - row
        start = stage.start if stage.start is not None else clock
        clock = start + (stage.seconds or 0.0)
        _bar(canvas, y, stage, start / unit, unit)
    canvas.ticks(axes, range(len(stages)), [s.name for s in reversed(stages)], "y")
    axes.tick_params(axis="y", colors=COLOURS["ink"], labelsize=12)
    axes.set_ylim(-0.6, len(stages) - 0.4)
    axes.set_xlim(left=0)
    canvas.label(axes, x=label)
    note = Text(
        "Tick: median of the last 20 nights. Blue, C: CPU. Purple, G: GPU. Grey: no device.",
        "竖线：近 20 次运行的中位数。蓝色 C：CPU。紫色 G：GPU。灰色：不涉及设备。",
    )
    return Chart(
        "timeline",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_table(stages),
        wide=True,
    )


def _unit(longest: float) -> tuple[float, Words]:
    if longest >= 180:
        return 60.0, Text("minutes since the start", "开始后的分钟数")
    return 1.0, Text("seconds since the start", "开始后的秒数")


def _bar(canvas: Canvas, y: int, stage: Stage, start: float, unit: float) -> None:
    if stage.seconds is None:
        why = say("{s}: {n}", "{s}：{n}", s=stage.state, n=stage.note or Text("no time", "无用时"))
        canvas.note(
            canvas.ax, start, y, _cut(why), va="center", fontsize=11, color=COLOURS["muted"]
        )
        return
    name = {"cpu": "blue", "gpu": "purple"}.get(stage.device, "grey")
    width = stage.seconds / unit
    canvas.ax.barh([y], [width], left=[start], height=0.56, color=COLOURS[name], alpha=0.75)
    if stage.median_seconds is not None:
        x = start + stage.median_seconds / unit
        canvas.ax.plot([x, x], [y - 0.4, y + 0.4], color=COLOURS["ink"], linewidth=2)
    letter = _LETTER.get(stage.device, "")
    after = say("{l} {t}", "{l} {t}", l=letter, t=fmt.duration(stage.seconds))
    canvas.note(
        canvas.ax,
        1.015,
        y,
        Text(pick(after).strip(), pick(after, "zh").strip()),
        transform=canvas.ax.get_yaxis_transform(),
        va="center",
        fontsize=11,
    )


def _cut(text: Words, most: int = 60) -> Words:
    return Text(pick(text)[:most], pick(text, "zh")[:most])


def _table(stages: Sequence[Stage]) -> Table:
    rows = tuple(
        (
            words(s.name),
            number(fmt.duration(s.start), s.start),
            number(fmt.duration(s.seconds), s.seconds),
            number(fmt.duration(s.median_seconds), s.median_seconds),
            words(s.device.upper()),
        )
        for s in stages
    )
    heads = columns(
        Text("stage", "阶段"),
        (Text("started after", "开始于"), True),
        (Text("took", "用时"), True),
        (Text("median of 20 nights", "20 夜中位数"), True),
        Text("device", "设备"),
    )
    return Table("timeline-data", Text("The numbers of this chart", "本图数据"), heads, rows)
