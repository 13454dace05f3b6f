"""G: the model and its ranking for the next session."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import (
    Block,
    Cell,
    Facts,
    Grid,
    Prose,
    Section,
    Table,
    columns,
    number,
    without_empty,
    words,
)
from tasks.report.charts import drift
from tasks.report.charts import models as charts
from tasks.report.night import Missing, Night
from tasks.report.research import Model, Ranked, Ranking
from tasks.report.states import worst
from tasks.report.words import Text, Words, is_empty, say

NAME = Text("Model and ranking", "模型与排名")
MOST_RANKS = 100


def build(night: Night) -> Section:
    """Walk-forward scores, importance, drift, then the ranking."""
    model, ranking = night.model, night.ranking
    blocks: list[Block] = []
    if isinstance(model, Missing):
        finding: Words = say("Model not trained: {w}", "模型未训练：{w}", w=model.why)
        blocks.append(Prose(finding))
    else:
        finding = _finding(model)
        blocks += [
            Facts(_facts(model)),
            Grid((charts.folds(model), charts.importance(model), drift.drift(model))),
        ]
    if isinstance(ranking, Missing):
        blocks.append(Prose(say("No ranking: {w}", "无排名：{w}", w=ranking.why)))
    else:
        blocks.append(_ranking(ranking))
        if ranking.note:
            blocks.append(Prose(ranking.note, "note"))
    states = [p.state if isinstance(p, Missing) else "PASS" for p in (model, ranking)]
    return Section("G", "model", NAME, worst(states), finding, tuple(blocks))


def _finding(model: Model) -> Words:
    found = say(
        "{m} scores rank IC {ic} out of sample",
        "{m} 样本外秩 IC 为 {ic}",
        m=model.name,
        ic=fmt.estimate(model.test, "coefficient"),
    )
    if model.baseline is None:
        return found
    return say(
        "{f}; the best single factor, {n}, {b}",
        "{f}；最佳单因子 {n} 为 {b}",
        f=found,
        n=model.baseline_name,
        b=fmt.estimate(model.baseline, "coefficient"),
    )


def _facts(model: Model) -> tuple[tuple[Words, Cell], ...]:
    rows: list[tuple[Words, Cell]] = [
        (Text("label", "标签"), words(model.label)),
        (
            Text("test days", "测试天数"),
            number(fmt.integer(model.test.n), model.test.n, why=Text("not counted", "未计")),
        ),
        (Text("device", "设备"), words(model.device.upper())),
        (Text("seeds", "随机种子"), words(", ".join(str(s) for s in model.seeds))),
    ]
    if not is_empty(model.note):
        rows.append((Text("note", "说明"), words(model.note)))
    return tuple(rows)


def _ranking(ranking: Ranking) -> Table:
    rows = tuple(_ranked(r) for r in ranking.rows[:MOST_RANKS])
    heads = columns(
        (Text("rank", "排名"), True),
        Text("symbol", "代码"),
        Text("name", "名称"),
        Text("group", "行业"),
        (Text("score", "得分"), True),
        (Text("previous rank", "上次排名"), True),
        (Text("places moved", "名次变动"), True),
    )
    caption = say(
        "Ranking for {d}: {k} of {n} stocks, by {s}; a score, not a promise",
        "{d} 排名：{n} 只股票中前 {k}，依据{s}；仅为得分，不构成承诺",
        d=ranking.day,
        k=str(len(rows)),
        n=f"{ranking.total:,}",
        s=ranking.score,
    )
    order = Text("best score first", "得分高者在前")
    return without_empty(Table("ranking", caption, heads, rows, order, ranking.total, ranking.csv))


def _ranked(r: Ranked) -> tuple[Cell, ...]:
    moved = None if r.previous is None else r.previous - r.rank
    new = Text("new tonight", "今晚新入")
    sign = f"{fmt.arrow(moved)} {fmt.fixed(moved, 0, sign=True)}".strip()
    return (
        Cell(str(r.rank), float(r.rank)),
        words(r.symbol),
        words(r.name),
        words(r.group),
        number(fmt.significant(r.score, sign=True), r.score),
        number(fmt.integer(r.previous), r.previous, why=new),
        number(sign, moved, why=new),
    )
