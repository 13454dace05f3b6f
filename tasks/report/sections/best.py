"""Does the best survive? Each test of choosing the best of many, with its answer in one word."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Cell, Column, Table, words
from tasks.report.trials import Honesty, Trial, Trials
from tasks.report.words import Text, Words, say

#: a deflated Sharpe ratio below this is not above luck
SURE = 0.95
#: above this, choosing the best of one half says no more about the other than a coin
COIN = 0.5
#: below this, choosing the best was worth something
SOUND = 0.2
#: p below which luck is not believed
SMALL = 0.05

_YES = Text("✓ yes", "✓ 是")
_NO = Text("✕ no", "✕ 否")


def tests(trials: Trials) -> Table | None:
    """One row a test: what is asked, what was found, whether the best survives it, what it means.

    None where nothing was scored.
    """
    best, honesty = trials.best_trial, trials.honesty
    if best is None or honesty is None:
        return None
    rows = [
        _luck(trials, honesty),
        _false_discovery(trials, best),
        _deflated(trials, best, honesty),
        _record(best),
        _superior(trials, honesty),
        _stepwise(trials, best, honesty),
        _overfitting(honesty),
    ]
    caption = say(
        "Does the best of {n}, {name} with {s}, survive? Test by test",
        "{n} 个中最优的 {name}（{s}）能否通过？逐项检验",
        n=f"{trials.tried:,}",
        name=best.name,
        s=fmt.estimate(best.sharpe),
    )
    heads = (
        Column(Text("question", "问题"), sortable=False),
        Column(Text("survives", "通过"), sortable=False),
        Column(Text("found", "结果"), sortable=False),
        Column(Text("needed", "要求"), sortable=False),
        Column(Text("in plain words", "通俗解释"), sortable=False),
    )
    return Table("best-tests", caption, heads, tuple(rows))


def counted(trials: Trials) -> Words:
    """Trials counted, raw and effective, tonight and since the ledger began."""
    honesty = trials.honesty
    effective = honesty.effective if honesty else None
    total = honesty.total_effective if honesty else None
    return say(
        "Counted: {n} trials tonight (about {e} independent), {t} since the ledger began "
        "(about {f} independent). One without a monthly record counts as one of its own; the tests "
        "use the raw numbers, which is the stricter way.",
        "计数：今晚 {n} 个试验（约 {e} 个独立），台账累计 {t} 个（约 {f} 个独立）。"
        "无月度记录者各计一个；各检验采用较严格的原始数量。",
        n=f"{trials.tried:,}",
        e=_about(effective),
        t=fmt.integer(trials.ledger_total),
        f=_about(total),
    )


def _about(value: float | None) -> str:
    return fmt.significant(value, 2) if value is not None else fmt.MISSING


Row = tuple[Cell, ...]


def _row(question: Words, passed: bool | None, found: Words, needed: Words, plain: Words) -> Row:
    answer: Cell = words("", why=Text("not computed", "未计算"))
    if passed is not None:
        answer = Cell(_YES if passed else _NO, float(passed), tone="strong" if passed else "")
    return (words(question), answer, words(found), words(needed), words(plain))


def _luck(trials: Trials, honesty: Honesty) -> Row:
    noise, p = trials.noise_best, honesty.luck_p
    found = say(
        "{b} seen; luck alone {n}; p = {p}",
        "实际 {b}；纯运气 {n}；p = {p}",
        p=fmt.q_value(p),
        b=fmt.ratio(trials.best.value if trials.best else None),
        n=fmt.estimate(noise),
    )
    return _row(
        say(
            "More than the best of {n} by luck?",
            "是否超过 {n} 个中的运气最优？",
            n=f"{trials.scored:,}",
        ),
        None if p is None else p <= SMALL,
        found,
        say("p ≤ {l}", "p ≤ {l}", l=fmt.ratio(SMALL)),
        Text(
            "The same trials without any skill, days drawn again: how high their best gets.",
            "同样的试验去掉技能后重抽交易日，其最优能有多高。",
        ),
    )


def _false_discovery(trials: Trials, best: Trial) -> Row:
    return _row(
        Text("Real after correction for all trials?", "多重检验校正后是否仍为真？"),
        None if best.q is None else best.q <= trials.level,
        fmt.q_is(best.q),
        say("q ≤ {l}", "q ≤ {l}", l=fmt.ratio(trials.level)),
        say(
            "Of such finds among {t} trials ever tried, at most {l} would be false.",
            "在累计 {t} 个试验的此类发现中，至多 {l} 为假。",
            t=fmt.integer(trials.ledger_total),
            l=fmt.level(trials.level),
        ),
    )


def _deflated(trials: Trials, best: Trial, honesty: Honesty) -> Row:
    return _row(
        Text("Deflated Sharpe ratio", "折减夏普概率"),
        None if best.deflated is None else best.deflated >= SURE,
        say(
            "{d} that it is above {b}",
            "高于 {b} 的概率为 {d}",
            d=fmt.ratio(best.deflated),
            b=fmt.ratio(honesty.bar),
        ),
        say("≥ {l}", "≥ {l}", l=fmt.ratio(SURE)),
        say(
            "Probability that its true Sharpe beats the best of {t} independent trials of luck.",
            "其真实夏普超过 {t} 个独立随机试验最优者的概率。",
            t=fmt.integer(trials.ledger_total),
        ),
    )


def _record(best: Trial) -> Row:
    days = best.days or 0
    need = (
        Text("never: it is not above the bar", "无法达到：未超过门槛")
        if best.needed is None
        else say("{n} days", "{n} 天", n=fmt.integer(best.needed))
    )
    return _row(
        Text("Is its record long enough?", "记录是否足够长？"),
        best.needed is not None and days >= best.needed,
        say("{d} days", "{d} 天", d=fmt.integer(days)),
        need,
        Text(
            "Minimum track record: days until such a Sharpe is above the bar with 95 % confidence.",
            "最短记录长度：该夏普以 95 % 置信度超过门槛所需的天数。",
        ),
    )


def _superior(trials: Trials, honesty: Honesty) -> Row:
    p = honesty.superior_p
    return _row(
        Text("Does any trial beat the universe? (SPA)", "是否有试验优于全体等权？（SPA）"),
        None if p is None else p <= SMALL,
        say("p = {p}", "p = {p}", p=fmt.q_value(p)) if p is not None else fmt.MISSING,
        say("p ≤ {l}", "p ≤ {l}", l=fmt.ratio(SMALL)),
        say(
            "Hansen's test of all {n} at once on their mean return, days drawn again in blocks.",
            "Hansen 检验：对全部 {n} 个试验的平均收益同时检验，按块重抽交易日。",
            n=f"{trials.scored:,}",
        ),
    )


def _stepwise(trials: Trials, best: Trial, honesty: Honesty) -> Row:
    n = honesty.stepwise
    return _row(
        Text("Which trials beat it together? (StepM)", "哪些试验共同优于基准？（StepM）"),
        best.stepwise if n is not None else None,
        say("{n} trials", "{n} 个试验", n=fmt.of(n, trials.scored))
        if n is not None
        else fmt.MISSING,
        Text("the best among them", "最优者在其中"),
        say(
            "Romano and Wolf: the chance of even one false name in this list is at most {l}.",
            "Romano–Wolf：名单中出现任何错误的概率至多 {l}。",
            l=fmt.level(honesty.stepwise_level),
        ),
    )


def _overfitting(honesty: Honesty) -> Row:
    p = honesty.overfitting
    if p is None:
        plain: Words = Text(
            "Too few trials or days to cross-validate.", "试验或天数过少，无法交叉验证。"
        )
    elif p >= COIN:
        plain = Text(
            "Choosing the best says nothing: elsewhere it ends in the lower half like any other.",
            "选最优毫无意义：在另一半时间里它与其他试验一样落入后半。",
        )
    elif p > SOUND:
        plain = Text(
            "Choosing the best says little about the other half of the time.",
            "选最优对另一半时间的说明力很弱。",
        )
    elif honesty.loss is not None and honesty.loss > COIN:
        plain = Text(
            "The best of one half stays ahead of the other trials, yet mostly loses there too.",
            "一半时间里的最优者在另一半仍领先于其他试验，但多数情况下同样亏损。",
        )
    else:
        plain = Text(
            "What is best on one half of the time tends to stay good on the other.",
            "在一半时间里最优者，在另一半时间里往往仍然较好。",
        )
    return _row(
        Text("Is choosing the best overfitting? (PBO)", "选最优是否过拟合？（PBO）"),
        None if p is None else p <= SOUND,
        say(
            "{p}; loses elsewhere in {l}",
            "{p}；在另一半亏损 {l}",
            p=fmt.share(p),
            l=fmt.share(honesty.loss),
        )
        if p is not None
        else fmt.MISSING,
        say("≤ {l} (half is a coin)", "≤ {l}（一半即掷硬币）", l=fmt.level(SOUND)),
        plain,
    )
