"""D: everything that was tried."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Block, Cell, Facts, Grid, Prose, Section, number, words
from tasks.report.charts import parameter_map as maps
from tasks.report.charts import trials as charts
from tasks.report.night import Missing, Night
from tasks.report.sections.survivors import table
from tasks.report.states import State
from tasks.report.trials import TRIAL_STATES, Honesty, Trials
from tasks.report.words import Text, Words, capital, say

NAME = Text("All trials", "全部试验")
#: rows inside the page; the CSV beside it has all
MOST_ROWS = 100
MOST_MAPS = 2

_LABELS = {
    "SURVIVES": Text("survive", "通过"),
    "CANDIDATE": Text("candidates", "候选"),
    "REJECTED": Text("rejected", "被拒绝"),
    "EXCLUDED": Text("not scored", "未评分"),
}


def build(night: Night) -> Section:
    """Counts that add up, the histogram against luck, parameter maps, the first rows."""
    trials = night.trials
    if isinstance(trials, Missing):
        return Section("D", "trials", NAME, trials.state, capital(trials.why))
    state: State = "WARN" if trials.count("EXCLUDED") else "PASS"
    pictures = [charts.histogram(trials)]
    pictures += [maps.parameter_map(trials, m, i) for i, m in enumerate(trials.maps[:MOST_MAPS])]
    blocks: list[Block] = [
        Prose(the_sum(trials), "rule"),
        Facts(_facts(trials)),
        Grid(tuple(pictures)),
    ]
    rows = trials.of("SURVIVES", "CANDIDATE", "REJECTED")[:MOST_ROWS]
    if rows:
        blocks.append(table(trials, rows, "trials-table"))
        if len(rows) < trials.tried:
            blocks.append(_left_out(trials, len(rows)))
    return Section("D", "trials", NAME, state, pictures[0].finding, tuple(blocks))


def the_sum(trials: Trials) -> Words:
    """The four counts as a sum that gives N."""
    en = " + ".join(f"{trials.count(s):,} {_LABELS[s].en}" for s in TRIAL_STATES)
    zh = " + ".join(f"{trials.count(s):,} {_LABELS[s].zh}" for s in TRIAL_STATES)
    return say(
        "{parts} = {n} trials", "{parts} = {n} 个试验", parts=Text(en, zh), n=f"{trials.tried:,}"
    )


def _facts(trials: Trials) -> tuple[tuple[Words, Cell], ...]:
    rows: list[tuple[Words, Cell]] = []
    if trials.best is not None:
        label = say("best {m} of {n}", "{n} 个中最高{m}", m=trials.measured, n=f"{trials.tried:,}")
        rows.append((label, words(f"{fmt.estimate(trials.best)} · {trials.best_name}")))
    if trials.noise_best is not None:
        label = say("best of {n} without skill", "{n} 个无技能时的最优", n=f"{trials.scored:,}")
        rows.append((label, number(fmt.estimate(trials.noise_best), trials.noise_best.value)))
    if trials.honesty is not None:
        rows += _honesty(trials, trials.honesty)
    for reason, n in trials.excluded:
        label = say("not scored: {r}", "未评分：{r}", r=reason)
        rows.append((label, number(fmt.of(n, trials.tried), n)))
    return tuple(rows)


def _honesty(trials: Trials, found: Honesty) -> list[tuple[Words, Cell]]:
    """What the trials come to together."""
    none = Text("not computed", "未计算")
    total = say("since the ledger began", "台账累计")
    return [
        (
            Text("independent trials tonight, about", "今晚独立试验约"),
            number(fmt.significant(found.effective, 2), found.effective, why=none),
        ),
        (total, number(fmt.integer(trials.ledger_total), trials.ledger_total, why=none)),
        (
            Text("independent ones among them, about", "其中独立试验约"),
            number(fmt.significant(found.total_effective, 2), found.total_effective, why=none),
        ),
        (
            Text("probability of backtest overfitting", "回测过拟合概率"),
            number(fmt.share(found.overfitting), found.overfitting, why=none),
        ),
    ]


def _left_out(trials: Trials, shown: int) -> Prose:
    text = say(
        "The table holds the {k} trials least likely to be luck; the other {n} are {where}.",
        "表中为最不可能出于运气的 {k} 个试验；其余 {n} 个{where}。",
        k=f"{shown:,}",
        n=f"{trials.tried - shown:,}",
        where=say("in {f}", "见 {f}", f=trials.csv)
        if trials.csv
        else Text("only counted", "仅计数"),
    )
    return Prose(text, "note")
