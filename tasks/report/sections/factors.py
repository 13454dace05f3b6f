"""F: the factors."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Block, Grid, Section, Table, columns, number, without_empty, words
from tasks.report.charts import factors as charts
from tasks.report.night import Missing, Night
from tasks.report.research import Factors
from tasks.report.words import Text, capital, say

NAME = Text("Factors", "因子")
LEVEL = 0.1


def build(night: Night) -> Section:
    """Return by quantile, monthly IC, decay, then every factor's row."""
    factors = night.factors
    if isinstance(factors, Missing):
        return Section("F", "factors", NAME, factors.state, capital(factors.why))
    good = sum(1 for f in factors.rows if f.q is not None and f.q <= LEVEL)
    finding = say(
        "{n} factors have a rank IC that differs from 0 after correction (q ≤ {l})",
        "校正后 {n} 个因子的秩 IC 显著不为 0（q ≤ {l}）",
        n=fmt.of(good, len(factors.rows)),
        l=fmt.ratio(LEVEL),
    )
    first = charts.quantiles(factors)
    others = (charts.monthly_ic(factors), charts.decay(factors))
    pictures: list[Block] = [first, Grid(others)] if first.wide else [Grid((first, *others))]
    blocks = [*pictures, _table(factors)]
    return Section("F", "factors", NAME, "PASS", finding, tuple(blocks))


def _table(factors: Factors) -> Table:
    none = Text("not computed", "未计算")
    ordered = sorted(factors.rows, key=lambda f: (f.q if f.q is not None else 2.0, f.name))
    rows = tuple(
        (
            words(f.name),
            number(fmt.estimate(f.ic, "coefficient"), f.ic.value, why=none),
            number(fmt.integer(f.ic.n), f.ic.n, why=none),
            number(fmt.fixed(f.t, 1), f.t, why=none),
            number(fmt.q_value(f.q), f.q, why=none),
            number(fmt.share(f.coverage), f.coverage, why=none),
            number(
                fmt.share(None if f.coverage is None else 1 - f.coverage),
                None if f.coverage is None else 1 - f.coverage,
                why=none,
            ),
            words(f.expression, tone="code"),
        )
        for f in ordered[:200]
    )
    heads = columns(
        Text("factor", "因子"),
        (Text("rank IC [95 %]", "秩 IC [95 %]"), True),
        (Text("days", "天数"), True),
        (Text("t (Newey–West)", "t（Newey–West）"), True),
        ("q", True),
        (Text("coverage", "覆盖率"), True),
        (Text("missing (NaN)", "缺失 (NaN)"), True),
        Text("expression", "表达式"),
    )
    caption = say(
        "Mean daily rank IC against {l}, {a} to {b}",
        "对{l}的日均秩 IC，{a} 至 {b}",
        l=factors.label,
        a=factors.period[0],
        b=factors.period[1],
    )
    order = Text("least likely luck first", "最不可能出于运气者在前")
    return without_empty(
        Table("factors-table", caption, heads, rows, order, len(factors.rows), factors.csv)
    )
