"""The first screen: five questions, each with its answer, for the report and the artifacts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.night import Action, Changes, DataHealth, Missing, Move, Night
from tasks.report.states import State, worst
from tasks.report.trials import Trials
from tasks.report.words import Text, Words, capital, is_empty, join, say


@dataclasses.dataclass(frozen=True)
class Answer:
    """One question of the first screen, its answer, a few facts below it, and where to read on."""

    question: Words
    state: State
    headline: Words
    facts: tuple[tuple[Words, Words], ...] = ()
    section: str = "A"


@dataclasses.dataclass(frozen=True)
class Answers:
    """The five answers; `todo` is empty if there is nothing to do."""

    trust: Answer
    data: Answer
    survivors: Answer
    changes: Answer
    todo: tuple[Action, ...]

    def four(self) -> tuple[Answer, ...]:
        """The answers that are sentences, in order."""
        return (self.trust, self.data, self.survivors, self.changes)


def answers(night: Night) -> Answers:
    """Answer the five questions from the night's facts."""
    trust = Answer(
        Text("Can I trust this night?", "这次运行可信吗？"),
        verdict.state(night),
        verdict.sentence(night),
        _run_facts(night),
        "J",
    )
    return Answers(trust, _data(night), _survivors(night), _changed(night), verdict.actions(night))


def _run_facts(night: Night) -> tuple[tuple[Words, Words], ...]:
    """Which blocks failed, how much came from cache, how long it took and on what."""
    cached = sum(s.cached for s in night.stages)
    total = cached + sum(s.computed + s.failed for s in night.stages)
    facts: list[tuple[Words, Words]] = [(Text("blocks", "分块"), verdict.failed_blocks(night))]
    if total:
        cache = say("{n} blocks from cache", "{n} 个分块来自缓存", n=fmt.of(cached, total))
        facts.append((Text("cache", "缓存"), cache))
    if night.run.seconds is not None:
        time = say("{t} until the report", "至报告 {t}", t=fmt.duration(night.run.seconds))
        facts.append((Text("time", "用时"), time))
    return tuple(facts)


def _data(night: Night) -> Answer:
    question = Text("Is the data good and fresh?", "数据是否完好、及时？")
    health = night.health
    if isinstance(health, Missing):
        return Answer(question, health.state, health.why, section="H")
    coverage = say(
        "{n} ({p})",
        "{n}（{p}）",
        n=fmt.of(health.present, health.expected),
        p=fmt.share(_share(health.present, health.expected)),
    )
    checks = [c for c in health.checks if c.state != "SKIP"]
    facts: list[tuple[Words, Words]] = [
        (Text("coverage", "覆盖率"), coverage),
        (Text("set aside", "已隔离"), _quarantine(health)),
        (
            Text("checks passed", "检查通过"),
            fmt.of(sum(c.state == "PASS" for c in checks), len(checks)),
        ),
        (Text("leak tests", "泄漏检验"), leak_count(night)),
    ]
    state = health.state
    if not isinstance(night.leaks, Missing):
        state = worst([state, *(t.state for t in night.leaks)])
    return Answer(question, state, _freshness(health), tuple(facts), "H")


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def simulated(source: str) -> Words:
    """The source of a simulated night, named as simulated exactly once."""
    label = Text("simulated", "模拟数据")
    return label if source == "simulated" else say("{s}, {l}", "{s}，{l}", s=source, l=label)


def _freshness(health: DataHealth) -> Words:
    if health.stale:
        return say(
            "Newest day {a}, expected {b}",
            "最新交易日 {a}，应为 {b}",
            a=health.last_day,
            b=health.expected_day,
        )
    return say("Fresh: {a}, as expected", "及时：{a}，与预期一致", a=health.last_day)


def _quarantine(health: DataHealth) -> Words:
    n = len(health.quarantined)
    if not n:
        return Text("none", "无")
    shown: list[Words] = [q.symbol for q in health.quarantined[:3]]
    if n > 3:
        shown.append("…")
    return say(
        "{n} ({s})",
        "{n} 只（{s}）",
        n=f"{n:,}",
        s=join(shown),
    )


def leak_count(night: Night) -> Words:
    """Leak tests passed of those run, and whether the planted leak was caught."""
    if isinstance(night.leaks, Missing):
        return night.leaks.why
    run = [t for t in night.leaks if t.state != "SKIP"]
    passed = fmt.of(sum(t.state == "PASS" for t in run), len(run))
    planted = [t for t in run if t.planted]
    if not planted:
        return say("{p}; none planted", "{p}；未植入", p=passed)
    caught = all(t.state == "PASS" for t in planted)
    return (
        say("{p}; planted leak caught", "{p}；植入泄漏已捕获", p=passed)
        if caught
        else say("{p}; planted leak missed", "{p}；植入泄漏未捕获", p=passed)
    )


def _survivors(night: Night) -> Answer:
    question = Text("Did anything survive honest testing?", "是否有结果通过诚实检验？")
    trials = night.trials
    if isinstance(trials, Missing):
        return Answer(question, trials.state, trials.why, section="C")
    covered = verdict.unusable(night)
    if not is_empty(covered):
        found = ((Text("not to be used", "不可使用"), survival(trials)),)
        return Answer(question, "FAIL", covered, found, "C")
    state: State = "WARN" if trials.count("EXCLUDED") else "PASS"
    return Answer(question, state, survival(trials), _survivor_facts(trials), "C")


def survival(trials: Trials) -> Words:
    """The finding: how many of N survive at which level."""
    n = trials.count("SURVIVES")
    return say(
        "{n} trials survive (FDR {l})" if n != 1 else "{n} trials survives (FDR {l})",
        "{n} 个试验通过多重检验（FDR {l}）",
        n=fmt.of(n, trials.tried),
        l=fmt.level(trials.level),
    )


def _survivor_facts(trials: Trials) -> tuple[tuple[Words, Words], ...]:
    facts: list[tuple[Words, Words]] = []
    if trials.noise_best is not None:
        facts.append((Text("best of noise", "纯噪声最优"), fmt.estimate(trials.noise_best)))
    if trials.best is not None:
        label = say("best seen of {n}", "{n} 个中最优", n=f"{trials.tried:,}")
        facts.append((label, fmt.estimate(trials.best)))
    if trials.honesty is not None and trials.honesty.overfitting is not None:
        label = Text("probability of overfitting", "过拟合概率")
        facts.append((label, fmt.share(trials.honesty.overfitting)))
    if trials.ledger_total is not None:
        label = Text("tried since the ledger began", "台账累计试验")
        facts.append((label, fmt.integer(trials.ledger_total)))
    for trial in trials.of("SURVIVES")[:2]:
        label = say("{t} ({q})", "{t}（{q}）", t=trial.name, q=fmt.q_is(trial.q))
        facts.append((label, fmt.estimate(trial.sharpe)))
    if n := trials.count("EXCLUDED"):
        facts.append((Text("not scored", "未评分"), fmt.of(n, trials.tried)))
    return tuple(facts)


def _changed(night: Night) -> Answer:
    question = Text("What changed since the last night?", "与上次相比有何变化？")
    changes = night.changes
    if isinstance(changes, Missing):
        return Answer(question, changes.state, changes.why, section="B")
    facts: tuple[tuple[Words, Words], ...] = (
        (Text("inputs that changed", "有变化的输入"), changed_inputs(changes)),
        (Text("entered", "新进"), names(changes.entered)),
        (Text("left", "退出"), names(changes.left)),
        (_moved(changes.far), names(changes.moved)),
    )
    headline = say(
        "{what} since {d}", "自 {d} 起：{what}", what=turnover(changes), d=changes.previous_day
    )
    return Answer(question, "PASS", headline, facts, "B")


def _moved(far: int) -> Words:
    """`moved by 20 or more`, where only such moves are listed."""
    if not far:
        return Text("moved", "变动")
    return Text(f"moved by {far} or more", f"变动 {far} 位以上")


def turnover(changes: Changes) -> Words:
    """How many entered and left, in words."""
    entered, left = len(changes.entered), len(changes.left)
    found = (
        Text(f"{entered} entered, {left} left", f"新进 {entered} 个，退出 {left} 个")
        if entered or left
        else Text("nothing entered or left", "无新进或退出")
    )
    if is_empty(changes.scope):
        return capital(found)
    return capital(say("{s}: {f}", "{s}：{f}", s=changes.scope, f=found))


def changed_inputs(changes: Changes) -> Words:
    """Names of the inputs that differ from the previous night."""
    changed = [i.name for i in changes.inputs if i.changed]
    return join(changed) if changed else Text("none", "无")


def names(moves: Sequence[Move], most: int = 3) -> Words:
    """The first names, and how many more."""
    if not moves:
        return Text("none", "无")
    shown: list[Words] = [m.name for m in moves[:most]]
    if len(moves) > most:
        shown.append(say("{n} more", "另 {n} 个", n=str(len(moves) - most)))
    return join(shown)
