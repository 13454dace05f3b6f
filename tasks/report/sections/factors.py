"""F: the factors."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Block, Grid, Section, Table, columns, number, without_empty, words
from tasks.report.charts import factors as charts
from tasks.report.night import Missing, Night
from tasks.report.research import Factor, Factors
from tasks.report.words import Text, capital, say

NAME = Text("Factors", "因子")
LEVEL = 0.1
COVERAGE_CSV = "factor_coverage.csv"
_NONE = Text("not computed", "未计算")


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
    blocks = [*pictures, _table(factors), _sets(factors), _coverage(factors)]
    if factors.left_out:
        blocks.insert(0, _left_out(factors))
    return Section("F", "factors", NAME, "PASS", finding, tuple(blocks))


def _table(factors: Factors) -> Table:
    ordered = sorted(factors.rows, key=lambda f: (f.q if f.q is not None else 2.0, f.name))
    rows = tuple(
        (
            words(f.name),
            number(fmt.estimate(f.ic, "coefficient"), f.ic.value, why=_NONE),
            number(fmt.integer(f.ic.n), f.ic.n, why=_NONE),
            number(fmt.fixed(f.t, 1), f.t, why=_NONE),
            number(fmt.q_value(f.q), f.q, why=_NONE),
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


def _sets(factors: Factors) -> Table:
    """Each factor set with its worst factor, the set with the worst one first."""
    groups: dict[str, list[Factor]] = {}
    for factor in factors.rows:
        groups.setdefault(factor.set, []).append(factor)
    ordered = sorted(groups.items(), key=lambda group: _worst(group[1])[0])
    rows = []
    for name, members in ordered:
        least, worst = _worst(members)
        lost = [f.missing for f in members if f.missing is not None]
        share = sum(lost) / len(lost) if lost else None
        rows.append(
            (
                words(name),
                number(fmt.integer(len(members)), len(members)),
                number(fmt.share(None if worst is None else least), least, why=_NONE),
                words(worst.name if worst else "", why=_NONE),
                number(fmt.share(share), share, why=_NONE),
            )
        )
    heads = columns(
        Text("set", "因子集"),
        (Text("factors", "因子数"), True),
        (Text("lowest coverage", "最低覆盖率"), True),
        Text("of", "对应因子"),
        (Text("missing (NaN), mean", "缺失 (NaN)，平均"), True),
    )
    caption = Text("Factor sets of the night", "当晚的因子集")
    order = Text("lowest coverage first", "覆盖率最低者在前")
    return Table("factor-sets", caption, heads, tuple(rows), order)


def _coverage(factors: Factors) -> Table:
    """Every factor by how much of it there is, the worst first."""
    ordered = sorted(factors.rows, key=lambda f: (_value(f.coverage), f.name))
    rows = tuple(
        (
            words(f.name),
            words(f.set),
            number(fmt.share(f.coverage), f.coverage, why=_NONE),
            number(fmt.share(f.missing), f.missing, why=_NONE),
        )
        for f in ordered
    )
    heads = columns(
        Text("factor", "因子"),
        Text("set", "因子集"),
        (Text("coverage of the universe", "股票池覆盖率"), True),
        (Text("missing (NaN) on traded days", "交易日缺失 (NaN)"), True),
    )
    caption = Text(
        "How much of each factor there is; warm-up and young stocks count as missing",
        "各因子的覆盖情况；预热期与次新股计为缺失",
    )
    order = Text("lowest coverage first", "覆盖率最低者在前")
    return Table("factor-coverage", caption, heads, rows, order, csv=COVERAGE_CSV)


def _left_out(factors: Factors) -> Table:
    """What was neither trained on nor ranked by, with the first cell that gave it away."""
    rows = tuple((words(f.name, tone="strong"), words(f.why)) for f in factors.left_out)
    heads = columns(Text("factor", "因子"), Text("why", "原因"))
    caption = say(
        "{n} left out of training and ranking: data from the future",
        "{n} 个因子因使用未来数据未参与训练与排名",
        n=str(len(rows)),
    )
    return Table("factors-left-out", caption, heads, rows)


def _worst(members: list[Factor]) -> tuple[float, Factor | None]:
    known = [f for f in members if f.coverage is not None]
    worst = min(known, key=lambda f: (_value(f.coverage), f.name), default=None)
    return (_value(worst.coverage), worst) if worst else (1.0, None)


def _value(share: float | None) -> float:
    return 1.0 if share is None else share
