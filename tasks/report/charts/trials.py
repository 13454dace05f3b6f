"""Charts of the trials: how sure, more than luck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.report import format as fmt
from tasks.report.blocks import Cell, Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, zero_line
from tasks.report.trials import Trial, Trials
from tasks.report.words import Text, Words, capital, say

#: rows of the dot-and-whisker chart
MOST_DOTS = 12
#: how far the words of the best trial stand above those of the best of noise, in points
_ABOVE_NOISE = 19
#: share of the width at either side where centred words would run over the edge
_EDGE = 0.12


def per_year(trials: Trials) -> Words:
    """Label of an axis of Sharpe ratios."""
    return say("{m}, per year", "年化{m}", m=trials.measured)


def period(trials: Trials) -> Words:
    """The selection period in words."""
    return say("{a} to {b}", "{a} 至 {b}", a=trials.period[0], b=trials.period[1])


def survivors(trials: Trials) -> Chart:
    """Dot and whisker: how sure are we of each? Without survivors, the three nearest."""
    question = say(
        "How sure are we of each? {m} per year with 95 % interval, {p}, N = {n}",
        "每个结果有多可靠？年化{m}及 95 % 置信区间，{p}，N = {n}",
        m=capital(trials.measured),
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
    canvas.label(canvas.ax, x=per_year(trials))
    note = Text(
        "Filled dot: survives. Hollow dot: not after correction. Small grey dot: rejected. "
        "Tick: Sharpe after the haircut for N trials.",
        "实心点：通过多重检验。空心点：校正后不显著。小灰点：被拒绝。"
        "竖线：按 N 个试验折减后的夏普比率。",
    )
    return Chart(
        "survivors",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_dots_table(rows, trials.measured),
        wide=True,
    )


def _survivors_finding(trials: Trials) -> Words:
    n = trials.count("SURVIVES")
    if n:
        first = trials.of("SURVIVES")
        if not first:
            return say("{n} trials survive", "{n} 个试验通过", n=fmt.of(n, trials.tried))
        return say(
            "{n} trials survive; the surest, {name}, earns {sharpe} {m}",
            "{n} 个试验通过；最可靠的 {name} 的{m}为 {sharpe}",
            m=trials.measured,
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


def _dots_table(rows: Sequence[Trial], measured: Words) -> Table:
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
        (measured, True),
        (Text("95 % low", "95 % 下限"), True),
        (Text("95 % high", "95 % 上限"), True),
        ("q", True),
    )
    return Table("survivors-data", Text("The numbers of this chart", "本图数据"), heads, body)


def histogram(trials: Trials) -> Chart:
    """Is the best more than luck? Trials by net Sharpe beside the expectation without skill."""
    question = say(
        "Is the best more than luck? {n} trials by {m}, {p}",
        "最优结果是否只是运气？{n} 个试验的{m}分布，{p}",
        m=trials.measured,
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
    canvas = Canvas("histogram", 500, 330, top=44)
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
    _best_mark(canvas, trials)
    canvas.label(canvas.ax, x=per_year(trials), y=Text("number of trials", "试验数"))
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


def _best_mark(canvas: Canvas, trials: Trials) -> None:
    """A line at the best trial, its words above the picture: inside they lay on bars and curve."""
    if trials.best is None or trials.best.value is None:
        return
    x = trials.best.value
    canvas.ax.axvline(x, color=COLOURS["ink"], linewidth=1.1)
    low, high = canvas.ax.get_xlim()
    share = (x - low) / (high - low)
    canvas.ax.annotate(
        canvas.words(say("best seen {v}", "最优 {v}", v=fmt.ratio(x))),
        (x, 1.0),
        (0, _ABOVE_NOISE),
        xycoords=canvas.ax.get_xaxis_transform(),
        textcoords="offset points",
        ha="left" if share < _EDGE else "right" if share > 1 - _EDGE else "center",
        fontsize=11,
        color=COLOURS["ink"],
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
        (per_year(trials), True),
        (Text("trials", "试验数"), True),
        (Text("expected without skill", "无技能期望"), True),
    )
    return Table(
        "histogram-data", Text("The numbers of this chart", "本图数据"), heads, tuple(rows)
    )


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
