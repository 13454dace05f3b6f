"""Charts of the model: does it generalise, what does it use."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.report import format as fmt
from tasks.report.blocks import Chart, Table, columns, number, words
from tasks.report.charts.canvas import COLOURS, Canvas, zero_line
from tasks.report.research import Importance, Model
from tasks.report.words import Text, say

#: rows of the importance chart
MOST_ROWS = 12


def folds(model: Model) -> Chart:
    """Does the model generalise? Score per fold on train, validation and test days."""
    question = say(
        "Does {m} generalise? Mean daily rank IC per walk-forward fold, test with 95 % interval",
        "{m} 能否泛化？各滚动折的日均秩 IC，测试集附 95 % 区间",
        m=model.name,
    )
    if not model.folds:
        empty = Text("No fold was scored", "没有折得到评分")
        return Chart("folds", empty, question, empty=empty)
    good = sum(1 for f in model.folds if (f.test.value or 0) > 0)
    finding = say(
        "Test rank IC {ic}; above 0 in {n} folds",
        "测试秩 IC {ic}；{n} 折大于 0",
        ic=fmt.estimate(model.test, "coefficient"),
        n=fmt.of(good, len(model.folds)),
    )
    canvas = Canvas("folds", 500, 300, right=100, bottom=48)
    for x, fold in enumerate(model.folds):
        for value, shift, mark, colour in (
            (fold.train, -0.2, "s", "grey"),
            (fold.valid, 0.0, "D", "purple"),
        ):
            if value is not None:
                canvas.ax.plot(
                    [x + shift],
                    [value],
                    marker=mark,
                    markersize=7,
                    markerfacecolor=COLOURS["paper"],
                    markeredgecolor=COLOURS[colour],
                    markeredgewidth=1.6,
                )
        test = fold.test
        if test.low is not None and test.high is not None:
            canvas.ax.plot([x + 0.2] * 2, [test.low, test.high], color=COLOURS["blue"], linewidth=2)
        if test.value is not None:
            canvas.ax.plot([x + 0.2], [test.value], marker="o", markersize=9, color=COLOURS["blue"])
    zero_line(canvas.ax)
    _fold_names(canvas, model)
    canvas.ax.set_xlim(-0.5, len(model.folds) - 0.5)
    labels = [f"{f.number}" for f in model.folds]
    canvas.ticks(canvas.ax, range(len(labels)), labels, "x")
    canvas.label(
        canvas.ax,
        x=Text("fold, oldest first", "折，由旧到新"),
        y=Text("mean daily rank IC", "日均秩 IC"),
    )
    return Chart(
        "folds", finding, question, canvas.svg(finding, question), data=_folds_table(model)
    )


def _fold_names(canvas: Canvas, model: Model) -> None:
    last = model.folds[-1]
    ends = [
        (last.train, Text("□ train", "□ 训练"), "grey"),
        (last.valid, Text("◇ validation", "◇ 验证"), "purple"),
        (last.test.value, Text("● test", "● 测试"), "blue"),
    ]
    low, high = canvas.ax.get_ylim()
    gap, previous = (high - low) * 0.085, low - high
    for value, name, colour in sorted(
        (e for e in ends if e[0] is not None), key=lambda e: e[0] or 0.0
    ):
        y = max(value or 0.0, previous + gap)
        previous = y
        canvas.note(
            canvas.ax,
            len(model.folds) - 0.42,
            y,
            name,
            color=COLOURS[colour],
            va="center",
            fontsize=11,
        )


def _folds_table(model: Model) -> Table:
    rows = tuple(
        (
            number(str(f.number), f.number),
            words(say("{a} to {b}", "{a} 至 {b}", a=f.test_period[0], b=f.test_period[1]))
            if f.test_period[0]
            else words(""),
            number(fmt.coefficient(f.train), f.train),
            number(fmt.coefficient(f.valid), f.valid),
            number(fmt.estimate(f.test, "coefficient"), f.test.value),
            number(fmt.integer(f.test.n), f.test.n),
        )
        for f in model.folds
    )
    heads = columns(
        (Text("fold", "折"), True),
        Text("test days", "测试区间"),
        (Text("train", "训练"), True),
        (Text("validation", "验证"), True),
        (Text("test [95 %]", "测试 [95 %]"), True),
        (Text("days", "天数"), True),
    )
    return Table("folds-data", Text("Mean daily rank IC", "日均秩 IC"), heads, rows)


def importance(model: Model) -> Chart:
    """What does it use? Share of gain by feature, range over folds."""
    question = Text(
        "What does it use? Share of gain by feature; dot mean, line lowest to highest fold",
        "模型依赖什么？各特征增益占比；点为均值，线为各折最低到最高",
    )
    rows = sorted(model.importance, key=lambda r: -r.mean)[:MOST_ROWS]
    if not rows:
        empty = Text("No importance was computed", "未计算重要性")
        return Chart("importance", empty, question, empty=empty)
    finding = say(
        "{f} carries {s} of the gain [{a}, {b}]",
        "{f} 占增益的 {s} [{a}, {b}]",
        f=rows[0].feature,
        s=fmt.share(rows[0].mean),
        a=fmt.share(rows[0].low),
        b=fmt.share(rows[0].high),
    )
    canvas = Canvas("importance", 500, 66 + 22 * len(rows), left=150, bottom=44)
    _ranges(canvas, [(r.feature, 100 * r.mean, 100 * r.low, 100 * r.high) for r in rows])
    canvas.ax.set_xlim(left=0)
    canvas.label(canvas.ax, x=Text("share of gain, %", "增益占比，%"))
    note = say(
        "The {n} largest of {k} features.",
        "{k} 个特征中最大的 {n} 个。",
        n=str(len(rows)),
        k=str(len(model.importance)),
    )
    return Chart(
        "importance",
        finding,
        question,
        canvas.svg(finding, question),
        note=note,
        data=_importance_table(rows),
    )


def _ranges(canvas: Canvas, rows: Sequence[tuple[str, float, float | None, float | None]]) -> None:
    """Dots with ranges, the first row on top."""
    axes = canvas.ax
    axes.grid(visible=False)
    axes.grid(visible=True, axis="x", color=COLOURS["line"], linewidth=0.8)
    for y, (_, value, low, high) in enumerate(reversed(rows)):
        if low is not None and high is not None:
            axes.plot([low, high], [y, y], color=COLOURS["blue"], linewidth=1.8, alpha=0.7)
        axes.plot([value], [y], marker="o", markersize=7, color=COLOURS["blue"])
    canvas.ticks(axes, range(len(rows)), [r[0][:20] for r in reversed(rows)], "y")
    axes.set_ylim(-0.6, len(rows) - 0.4)


def _importance_table(rows: Sequence[Importance]) -> Table:
    body = tuple(
        (
            words(r.feature),
            number(fmt.share(r.mean), r.mean),
            number(fmt.share(r.low), r.low),
            number(fmt.share(r.high), r.high),
        )
        for r in rows
    )
    heads = columns(
        Text("feature", "特征"),
        (Text("mean share", "平均占比"), True),
        (Text("lowest fold", "最低折"), True),
        (Text("highest fold", "最高折"), True),
    )
    return Table("importance-data", Text("Share of gain", "增益占比"), heads, body)
