"""E: one card per tested portfolio."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.blocks import (
    Block,
    Card,
    Cell,
    Chart,
    Grid,
    Prose,
    Section,
    Table,
    columns,
    number,
    words,
)
from tasks.report.charts import costs, portfolios, years
from tasks.report.night import Missing, Night
from tasks.report.research import Portfolio
from tasks.report.sections.survivors import badge
from tasks.report.states import State
from tasks.report.trials import Trials
from tasks.report.words import Text, Words, capital, is_empty, say

NAME = Text("Portfolios", "组合")
MOST_CARDS = 10
#: portfolios with their growth drawn, so that a full page holds at most 24 charts
DRAWN_CARDS = 8
#: portfolios with every chart; the others show growth and drawdown only
FULL_CARDS = 2


def build(night: Night) -> Section:
    """Growth, drawdown, years, months, cost and metrics of each portfolio."""
    portfolios = night.portfolios
    if isinstance(portfolios, Missing):
        return Section("E", "portfolios", NAME, portfolios.state, capital(portfolios.why))
    if not portfolios:
        why = Text("No trial survived, so no portfolio is shown", "没有试验通过，故不显示组合")
        return Section("E", "portfolios", NAME, "PASS", why)
    covered = verdict.unusable(night)
    state: State = "PASS" if is_empty(covered) else "FAIL"
    trials = None if isinstance(night.trials, Missing) else night.trials
    cards = tuple(
        _card(p, i, trials, night.run.simulated) for i, p in enumerate(portfolios[:MOST_CARDS])
    )
    first = cards[0].blocks[0]
    finding = first.finding if isinstance(first, Chart) else portfolios[0].name
    return Section("E", "portfolios", NAME, state, finding, cards, covered)


def _card(portfolio: Portfolio, i: int, trials: Trials | None, simulated: bool) -> Card:
    blocks: list[Block] = []
    if i < DRAWN_CARDS:
        blocks.append(portfolios.growth(portfolio, f"growth{i}"))
    else:
        few = say(
            "Growth is drawn for the first {n} portfolios only.",
            "仅绘制前 {n} 个组合的增长。",
            n=str(DRAWN_CARDS),
        )
        blocks.append(Prose(few, "note"))
    side: list[Block] = []
    if i < FULL_CARDS and portfolio.years:
        side.append(years.years(portfolio, f"years{i}"))
    if i < FULL_CARDS and portfolio.cost_curve is not None:
        side.append(costs.costs(portfolio, portfolio.cost_curve, f"costs{i}"))
    if side:
        blocks.append(Grid(tuple(side)))
    if portfolio.months:
        blocks.append(_months(portfolio, i))
    if portfolio.metrics:
        blocks.append(_metrics(portfolio, i))
    if portfolio.note:
        blocks.append(Prose(portfolio.note, "note"))
    label = _badge(portfolio, trials)
    if simulated:
        label = say("{l} · simulated data", "{l} · 模拟数据", l=label)
    return Card(f"portfolio{i}", portfolio.name, tuple(blocks), label)


def _badge(portfolio: Portfolio, trials: Trials | None) -> Words:
    if trials is not None:
        for trial in trials.rows:
            if portfolio.trial and trial.name == portfolio.trial:
                return badge(trial, trials)
    return Text("not a trial of the sweep", "非扫描试验")


def _months(portfolio: Portfolio, i: int) -> Table:
    """Years down, months across, blank where there was no month."""
    values = {(m.year, m.month): m for m in portfolio.months}
    whole = {y.year: y.net for y in portfolio.years}
    rows = []
    for year in sorted({y for y, _ in values}, reverse=True):
        cells: list[Cell] = [Cell(str(year), float(year))]
        for month in range(1, 13):
            entry = values.get((year, month))
            cells.append(
                Cell("") if entry is None or entry.net is None else _month(entry.net, entry.until)
            )
        total = whole.get(year)
        cells.append(Cell("") if total is None else _month(total, ""))
        rows.append(tuple(cells))
    heads = columns(
        Text("year", "年"),
        *[(str(m), True) for m in range(1, 13)],
        (Text("year %", "全年 %"), True),
    )
    note = next((m.until for m in portfolio.months if m.until), "")
    caption: Words = Text(
        "Net return by month, %; blank: no trading yet", "各月扣费后收益，%；空白：尚无交易"
    )
    if note:
        caption = say("{c}; * only to {d}", "{c}；* 仅至 {d}", c=caption, d=note)
    return Table(f"months{i}", caption, heads, tuple(rows))


def _month(net: float, until: str) -> Cell:
    text = fmt.fixed(100 * net, 1, sign=True) + ("*" if until else "")
    tone = "" if abs(net) < 0.0005 else "up" if net > 0 else "down"
    return Cell(text, net, tone=tone)


def _metrics(portfolio: Portfolio, i: int) -> Table:
    rows = tuple(
        (
            words(m.name),
            number(fmt.printed(m.value.value, m.kind), m.value.value),
            words(
                fmt.interval(m.value, m.kind) if m.value.low is not None else "",
                why=Text("no interval computed", "未计算区间"),
            ),
            number(fmt.integer(m.value.n), m.value.n),
            words(m.basis),
            words(m.period),
        )
        for m in portfolio.metrics
    )
    heads = columns(
        Text("metric", "指标"),
        (Text("value", "数值"), True),
        (Text("95 % interval", "95 % 置信区间"), True),
        ("n", True),
        Text("net or gross", "扣费前后"),
        Text("period", "区间"),
    )
    return Table(f"metrics{i}", Text("Figures of this portfolio", "组合指标"), heads, rows)
