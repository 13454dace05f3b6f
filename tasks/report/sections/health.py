"""H: data health."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.answers import answers, simulated
from tasks.report.blocks import (
    Block,
    Cell,
    Command,
    Facts,
    Section,
    Table,
    columns,
    missing,
    number,
    status,
    without_empty,
    words,
)
from tasks.report.charts import health as charts
from tasks.report.night import DataHealth, Missing, Night
from tasks.report.states import severity
from tasks.report.words import Text, Words, capital, plural, say

NAME = Text("Data health", "数据质量")


def build(night: Night) -> Section:
    """Freshness, the coverage strip, checks, quarantine and masked moves."""
    health = night.health
    if isinstance(health, Missing):
        return Section("H", "health", NAME, health.state, capital(health.why))
    blocks: list[Block] = [Facts(_facts(health, night)), charts.coverage(health)]
    if health.checks:
        blocks.append(_checks(health))
    if health.quarantined:
        blocks.append(_quarantine(health))
        command = next((q.command for q in health.quarantined if q.command), "")
        if command:
            blocks.append(Command(Text("release a symbol", "解除隔离"), command))
    if health.masked:
        blocks.append(_masked(health))
    return Section("H", "health", NAME, health.state, _finding(night, health), tuple(blocks))


def _finding(night: Night, health: DataHealth) -> Words:
    bad = [c for c in health.checks if c.state in ("FAIL", "WARN", "UNKNOWN")]
    total = len(health.checks)
    checks: Words = (
        say("{k} checks did not pass", "{k} 项检查未通过", k=fmt.of(len(bad), total))
        if bad
        else Text(f"all {total} checks passed", f"{total} 项检查全部通过")
        if total
        else Text("no check was run", "未运行检查")
    )
    n = len(health.quarantined)
    aside = (
        Text(f"{n} {plural(n, 'symbol', 'symbols')} set aside", f"{n} 只股票已隔离")
        if n
        else Text("no symbol set aside", "无隔离股票")
    )
    return say(
        "{fresh}; {checks}; {aside}",
        "{fresh}；{checks}；{aside}",
        fresh=answers(night).data.headline,
        checks=checks,
        aside=aside,
    )


def _facts(health: DataHealth, night: Night) -> tuple[tuple[Words, Cell], ...]:
    unknown = Text("not counted", "未计")
    source = (
        say("{s}: no real market", "{s}：非真实市场", s=simulated(night.run.source))
        if night.run.simulated
        else night.run.source
    )
    rows: list[tuple[Words, Cell]] = [
        (Text("source", "来源"), words(source)),
        (Text("last trading day present", "已有最新交易日"), words(health.last_day)),
        (Text("expected", "应有"), words(health.expected_day)),
        (Text("prices", "价格"), words(health.adjustment, why=unknown)),
    ]
    for label, n in (
        (Text("symbols with a bar", "有行情股票"), health.present),
        (Text("symbols expected", "应有股票"), health.expected),
        (Text("suspended", "停牌"), health.suspended),
        (Text("ST", "ST"), health.special_treatment),
        (Text("newly listed", "新上市"), health.newly_listed),
        (Text("locked at the limit", "涨跌停锁定"), health.limit_locked),
    ):
        rows.append((label, number(fmt.integer(n), n, why=unknown)))
    for label, value in (
        (Text("set aside, share of symbols", "已隔离，占股票数"), health.quarantined_by_count),
        (Text("set aside, share of traded value", "已隔离，占成交额"), health.quarantined_by_value),
    ):
        if health.quarantined:
            rows.append((label, number(fmt.share(value), value, why=unknown)))
    return tuple(rows)


def _checks(health: DataHealth) -> Table:
    rows = tuple(
        (
            words(c.name),
            status(c.state, severity(c.state)),
            number(fmt.integer(c.evaluated), c.evaluated, why=Text("not run", "未运行")),
            number(fmt.integer(c.bad), c.bad, why=Text("not run", "未运行")),
            _bad_share(c.bad, c.evaluated),
            words(c.threshold),
            words(c.worst, why=Text("none", "无")),
            words(c.since, why=Text("none", "无")),
        )
        for c in sorted(health.checks, key=lambda c: severity(c.state))
    )
    heads = columns(
        Text("check", "检查"),
        Text("state", "状态"),
        (Text("evaluated", "检查行数"), True),
        (Text("bad", "异常"), True),
        (Text("% bad", "异常 %"), True),
        Text("threshold", "阈值"),
        Text("worst example", "最差示例"),
        Text("since", "始于"),
    )
    order = Text("failed first", "失败者在前")
    return without_empty(
        Table("checks", Text("Checks of the quality gate", "质量检查"), heads, rows, order)
    )


def _bad_share(bad: int | None, evaluated: int | None) -> Cell:
    if bad is None or not evaluated:
        return missing(Text("not run", "未运行"))
    return number(fmt.share(bad / evaluated), bad / evaluated)


def _quarantine(health: DataHealth) -> Table:
    rows = tuple(
        (
            words(q.symbol, tone="strong"),
            words(q.name),
            words(q.rule),
            words(q.first_day),
            number(fmt.integer(q.rows), q.rows),
            words(q.effect),
            words(q.command, tone="code"),
        )
        for q in health.quarantined
    )
    heads = columns(
        Text("symbol", "代码"),
        Text("name", "名称"),
        Text("rule broken", "违反规则"),
        Text("first bad day", "首个异常日"),
        (Text("rows", "行数"), True),
        Text("effect", "影响"),
        Text("release with", "解除命令"),
    )
    caption = say("{n} symbols set aside", "{n} 只股票已隔离", n=str(len(rows)))
    return without_empty(Table("quarantine", caption, heads, rows, csv=health.csv))


def _masked(health: DataHealth) -> Table:
    rows = tuple(
        (
            words(m.symbol),
            words(m.day),
            number(fmt.gain(m.change), m.change, tone="up" if m.change > 0 else "down"),
            words(m.reason),
        )
        for m in sorted(health.masked, key=lambda m: -abs(m.change))[:200]
    )
    heads = columns(
        Text("symbol", "代码"),
        Text("day", "日期"),
        (Text("close to close", "收盘到收盘"), True),
        Text("why it is masked", "屏蔽原因"),
    )
    caption = say(
        "{n} moves beyond the day's limit, masked in labels",
        "{n} 次超过涨跌停的变动，已在标签中屏蔽",
        n=f"{len(health.masked):,}",
    )
    order = Text("largest first", "最大者在前")
    return Table("masked", caption, heads, rows, order, len(health.masked))
