"""C: what survives, how sure we are, and by which rule."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.answers import survival
from tasks.report.blocks import Block, Cell, Prose, Section, Table, columns, number, words
from tasks.report.charts import trials as charts
from tasks.report.night import Missing, Night
from tasks.report.sections import best
from tasks.report.states import State
from tasks.report.trials import Trial, Trials
from tasks.report.words import Text, Words, capital, is_empty, plural, say

NAME = Text("Survivors", "通过多重检验")


def build(night: Night) -> Section:
    """The rule, the dot-and-whisker chart and the table of survivors and candidates."""
    trials = night.trials
    if isinstance(trials, Missing):
        return Section("C", "survivors", NAME, trials.state, capital(trials.why), always_open=True)
    covered = verdict.unusable(night)
    state: State = "FAIL" if covered else "PASS"
    blocks: list[Block] = [Prose(rule(trials), "rule"), Prose(best.counted(trials), "rule")]
    tests = best.tests(trials)
    if tests is not None:
        blocks.append(tests)
    blocks.append(charts.survivors(trials))
    rows = trials.of("SURVIVES", "CANDIDATE")[:50]
    if rows:
        blocks.append(table(trials, rows))
    return Section(
        "C", "survivors", NAME, state, survival(trials), tuple(blocks), covered, always_open=True
    )


def rule(trials: Trials) -> Words:
    """The rule in one line: method, level, N tonight, N of the ledger, openings of the vault."""
    ledger = (
        say("{n} since the ledger began", "台账累计 {n} 个", n=f"{trials.ledger_total:,}")
        if trials.ledger_total is not None
        else Text("no ledger yet", "尚无台账")
    )
    return say(
        "Rule: {m} at false discovery rate {l} over N = {n} trials tonight; {ledger}; {vault}. "
        "All Sharpe ratios are net of costs{over}, {p}.",
        "规则：{m}，错误发现率 {l}，今晚 N = {n} 个试验；{ledger}；{vault}。"
        "夏普比率均为扣费后{over}，{p}。",
        m=trials.method,
        l=fmt.level(trials.level),
        n=f"{trials.tried:,}",
        ledger=ledger,
        vault=held_out(trials),
        over=say(" and over {o}", "且相对{o}", o=trials.over) if trials.over else "",
        p=charts.period(trials),
    )


def held_out(trials: Trials) -> Words:
    """The vault and how often it was opened, or why there is none."""
    if trials.vault_openings is None:
        if is_empty(trials.no_vault):
            return Text("no held-out data set", "未设留存数据")
        return say("no vault: {w}", "未设留存数据：{w}", w=trials.no_vault)
    return say(
        "vault {a} to {b}, no score inside or after it is used or shown, opened {n} {t}",
        "留存数据 {a} 至 {b}，其间及之后的评分均不使用、不展示，打开 {n} 次",
        a=trials.vault[0],
        b=trials.vault[1],
        n=str(trials.vault_openings),
        t=plural(trials.vault_openings, "time", "times"),
    )


def badge(trial: Trial, trials: Trials) -> Words:
    """The words beside a name: survives with q and N, or not after correction."""
    if trial.state == "SURVIVES":
        return say(
            "survives ({q}, N = {n})",
            "通过多重检验（{q}，N = {n}）",
            q=fmt.q_is(trial.q),
            n=f"{trials.tried:,}",
        )
    return {
        "CANDIDATE": Text("not after correction", "校正后不显著"),
        "REJECTED": Text("rejected", "被拒绝"),
        "EXCLUDED": Text("not scored", "未评分"),
    }[trial.state]


_MARK = {"SURVIVES": "●", "CANDIDATE": "○", "REJECTED": "·", "EXCLUDED": "×"}
_TONE = {"SURVIVES": "strong", "CANDIDATE": "", "REJECTED": "weak", "EXCLUDED": "weak"}


#: said where the Sharpe ratios are over something: a trial may beat a market that falls, and lose
_DIES = Text(
    "dies at cost: of its own return, not that over the universe; below 0 it loses without costs",
    "失效成本按自身收益计，而非相对全体的收益；负值表示不计费用也亏损",
)


def table(trials: Trials, rows: tuple[Trial, ...], id_: str = "survivors-table") -> Table:
    """Trials with everything that says how far to believe them."""
    body = tuple(_row(trial, trials) for trial in rows)
    heads = columns(
        Text("trial", "试验"),
        Text("state", "状态"),
        (say("{m} [95 %]", "{m} [95 %]", m=trials.measured), True),
        ("q", True),
        (Text("deflated Sharpe", "折减夏普概率"), True),
        (Text("days needed", "所需天数"), True),
        (Text("out-of-sample Sharpe [95 %]", "样本外夏普 [95 %]"), True),
        (Text("max drawdown", "最大回撤"), True),
        (Text("turnover / year", "年换手率"), True),
        (Text("dies at cost", "失效成本"), True),
        (Text("trades", "交易数"), True),
        (Text("days", "天数"), True),
        (Text("nights", "夜数"), True),
        Text("since last night", "与上次相比"),
    )
    order: Words = Text(
        "sorted by q, then by the lower end of the interval", "按 q、再按区间下限排序"
    )
    if not is_empty(trials.over):
        order = say("{o}; {d}", "{o}；{d}", o=order, d=_DIES)
    caption = say(
        "{s} survive, {c} candidates, of N = {n}; net of costs",
        "{s} 个通过，{c} 个候选，N = {n}；扣费后",
        s=str(trials.count("SURVIVES")),
        c=str(trials.count("CANDIDATE")),
        n=f"{trials.tried:,}",
    )
    return Table(id_, caption, heads, body, order, total=len(body), csv=trials.csv)


def _row(t: Trial, trials: Trials) -> tuple[Cell, ...]:
    out = t.out_of_sample
    none = Text("not computed", "未计算")
    below = Text("not above the bar, so no record is long enough", "未超过门槛，任何长度都不够")
    sealed = Text("held-out data not opened", "留存数据未打开")
    sharpe = t.sharpe.value if t.sharpe else None
    return (
        Cell(
            f"{_MARK[t.state]} {t.name}",
            t.name,
            tone=f"{_TONE[t.state]} whole",
            note=_parameters(t),
        ),
        Cell(badge(t, trials), t.q, tone=_TONE[t.state]),
        number(fmt.estimate(t.sharpe), sharpe, why=t.reason or none),
        number(fmt.q_value(t.q), t.q, why=t.reason or none),
        number(fmt.ratio(t.deflated), t.deflated, why=none),
        number(fmt.integer(t.needed), t.needed, why=below),
        number(fmt.estimate(out), out.value if out else None, why=sealed),
        number(fmt.percent(t.drawdown), t.drawdown, why=none),
        number(fmt.printed(t.turnover, "times"), t.turnover, why=none),
        number(fmt.basis_points(t.breakeven_bp), t.breakeven_bp, why=none),
        number(fmt.integer(t.trades), t.trades, why=none),
        number(fmt.integer(t.days), t.days, why=none),
        number(fmt.integer(t.nights), t.nights, why=Text("first night", "首夜")),
        words(t.change, why=Text("no previous night", "无上次运行")),
    )


def _parameters(trial: Trial) -> str:
    return ", ".join(f"{k} = {v}" for k, v in trial.parameters.items())
