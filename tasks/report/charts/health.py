"""The coverage strip: which days are holes?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, MAX_POINTS, Canvas, date_ticks
from tasks.report.night import Coverage, DataHealth
from tasks.report.words import Text, Words, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: sources shown below each other
MOST_SOURCES = 4


def shares(coverage: Coverage) -> np.ndarray:
    """Rows present as a share of those expected, by day; NaN where the source was not read."""
    return np.array(
        [
            np.nan if p is None or not e else p / e
            for p, e in zip(coverage.present, coverage.expected, strict=True)
        ]
    )


def coverage(health: DataHealth) -> Chart:
    """Which days are holes? Rows present in % of the rows that the calendar expects."""
    question = Text(
        "Which days are holes? Rows present in % of the rows the exchange calendar expects",
        "哪些日子有缺口？实有行数占交易日历应有行数的 %",
    )
    shown = [c for c in health.coverage if c.days][:MOST_SOURCES]
    if not shown:
        empty = Text("No source was read", "没有读取任何来源")
        return Chart("coverage", empty, question, empty=empty, wide=True)
    finding = _finding(shown)
    canvas = Canvas(
        "coverage",
        960,
        60 + 96 * len(shown),
        heights=(1,) * len(shown),
        left=64,
        top=24,
        bottom=34,
        gap=0.45,
    )
    floor = _floor(shown)
    for axes, source in zip(canvas.axes, shown, strict=True):
        values = 100 * shares(source)
        days = list(source.days)
        kept = _worst_days(values)
        at, labels = date_ticks([days[i] for i in kept], 10)
        drawn = values[kept]
        axes.fill_between(
            range(len(kept)),
            floor,
            drawn,
            color=COLOURS["blue"],
            alpha=0.45,
            linewidth=0,
            step="mid",
        )
        _holes(axes, drawn)
        for start, stop in _stretches(np.isnan(drawn)):
            axes.axvspan(
                start - 0.5,
                stop - 0.5,
                facecolor="none",
                edgecolor=COLOURS["muted"],
                hatch="////",
                linewidth=0,
            )
        axes.set_ylim(floor, 100)
        axes.set_xlim(-0.5, len(kept) - 0.5)
        canvas.ticks(axes, [floor, 100], [fmt.fixed(floor, 0), "100"], "y")
        canvas.ticks(axes, at, list(labels), "x")
        canvas.note(
            axes, 0.0, 1.03, source.source, transform=axes.transAxes, fontweight="bold", fontsize=11
        )
        if axes is not canvas.axes[len(shown) - 1]:
            axes.tick_params(labelbottom=False)
    canvas.label(canvas.axes[len(shown) // 2], y=Text("% of expected", "占应有 %"))
    note = Text(
        "Orange: missing rows. Hatched: not read. The scale does not start at 0. "
        "Each drawn point is the worst day of its stretch.",
        "橙色：缺失行。斜线：未读取。坐标不从 0 开始。每点为该段最差的一天。",
    )
    return Chart(
        "coverage",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_holes_table(shown),
        wide=True,
    )


def _holes(axes: Axes, drawn: np.ndarray) -> None:
    """What is missing to 100 %, one bar per run of equally incomplete days."""
    edges = np.flatnonzero(np.diff(drawn, prepend=np.nan, append=np.nan) != 0)
    for start, stop in itertools.pairwise(edges):
        value = float(drawn[start])
        if value < 99.5:
            axes.bar(
                [start - 0.5],
                [100 - value],
                bottom=[value],
                width=stop - start,
                align="edge",
                color=COLOURS["vermillion"],
                linewidth=0,
            )


def _finding(shown: Sequence[Coverage]) -> Words:
    values = np.concatenate([shares(c) for c in shown])
    days = [f"{d}, {c.source}" for c in shown for d in c.days]
    if np.all(np.isnan(values)):
        return Text("No source was read", "没有读取任何来源")
    worst = int(np.nanargmin(values))
    full, unread = int(np.nansum(values >= 0.995)), int(np.isnan(values).sum())
    found = say(
        "{n} days are at least 99.5 % complete; worst {w} ({d})",
        "{n} 天完整度不低于 99.5 %；最差 {w}（{d}）",
        n=fmt.of(full, len(values)),
        w=fmt.share(float(values[worst])),
        d=days[worst],
    )
    if not unread:
        return found
    return say("{f}; {u} not read", "{f}；{u} 天未读取", f=found, u=f"{unread:,}")


def _floor(shown: Sequence[Coverage]) -> float:
    """Lower end of the scale: a round percentage below the worst day."""
    values = np.concatenate([shares(c) for c in shown])
    worst = float(np.nanmin(values)) if not np.all(np.isnan(values)) else 0.0
    return float(max(0, np.floor(worst * 20 - 0.5) * 5))


def _worst_days(values: np.ndarray) -> np.ndarray:
    """Indices of at most `MAX_POINTS` days: the worst of each stretch, unread days first."""
    if len(values) <= MAX_POINTS:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), MAX_POINTS)
    worst = [int(s[np.argmin(np.nan_to_num(values[s], nan=-1.0))]) for s in stretches]
    return np.array(worst, dtype=np.intp)


def _stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _holes_table(shown: Sequence[Coverage]) -> Table:
    rows = []
    for source in shown:
        values = shares(source)
        order = np.argsort(np.nan_to_num(values, nan=-1.0), kind="stable")[:40]
        for i in order:
            if values[i] >= 1:
                continue
            rows.append(
                (
                    words(source.days[i]),
                    words(source.source),
                    number(fmt.integer(source.present[i]), source.present[i]),
                    number(fmt.integer(source.expected[i]), source.expected[i]),
                    number(
                        fmt.share(float(values[i])),
                        float(values[i]),
                        why=Text("not read", "未读取"),
                    ),
                )
            )
    heads = columns(
        Text("day", "日期"),
        Text("source", "来源"),
        (Text("present", "实有"), True),
        (Text("expected", "应有"), True),
        (Text("share", "占比"), True),
    )
    caption = Text("The least complete days, worst first", "最不完整的日子，最差在前")
    return Table("coverage-data", caption, heads, tuple(rows))
