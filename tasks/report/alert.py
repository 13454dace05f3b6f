"""What a night says in an alert: the pieces; sending and composing are monitoring's business."""

from __future__ import annotations

import dataclasses

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.night import Missing, Night, Problem
from tasks.report.states import State
from tasks.report.words import Language, Text, Words, capital, join, pick, say, scrub


@dataclasses.dataclass(frozen=True)
class AlertText:
    """One message for one night, by its parts; `since` is an ISO moment with its zone."""

    state: State
    what: str
    how_bad: str
    since: str
    effect: str
    do: str


def alert(night: Night, language: Language = "en") -> AlertText | None:
    """The night's problems as one message, the worst first; None if there are none."""
    problems = verdict.problems(night)
    if not problems:
        return None
    first = problems[0]
    head = say("Nightly {d}: {w}", "{d} 每夜运行：{w}", d=night.run.day, w=first.what)
    actions = verdict.actions(night)[:2]
    todo = [say("{w}: {c}", "{w}：{c}", w=a.what, c=a.command) for a in actions if a.command]
    steps = Text("; ".join(t.en for t in todo), "；".join(t.zh for t in todo))
    return AlertText(
        state=verdict.state(night),
        what=_line(head, language),
        how_bad=_line(_how_bad(night, len(problems) - 1), language),
        since=first.since or night.run.finished or night.run.started,
        effect=_line(_effect(night, problems), language),
        do=_line(steps if todo else Text("nothing to do", "无需处理"), language),
    )


def _line(words: Words, language: Language) -> str:
    return " ".join(scrub(pick(words, language)).split())


def _how_bad(night: Night, others: int) -> Words:
    parts: list[Words] = []
    if not isinstance(night.trials, Missing) and (n := night.trials.count("EXCLUDED")):
        count = fmt.of(n, night.trials.tried)
        parts.append(say("{n} trials not scored", "{n} 个试验未评分", n=count))
    if others:
        more = say("{n} more problems", "另有 {n} 个问题", n=str(others))
        parts.append(more)
    return join(parts)


def _effect(night: Night, problems: tuple[Problem, ...]) -> Words:
    """What the problems do to the night: results not to be used, or marked incomplete."""
    covered = verdict.unusable(night)
    if covered:
        return covered
    if any(stage.state == "FAIL" for stage in night.stages):
        return Text("the report is marked incomplete", "报告标记为不完整")
    stated = [p.effect for p in problems if p.effect]
    if stated:
        return capital(join(stated[:2]))
    return Text("the night finished; see the report", "运行已完成；详见报告")
