"""Leak tests of the night, and whether their alarm works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.report.night import LeakTest
from tasks.report.research import LeftOut
from tasks.report.words import Text, Words, plural, say

Json = Mapping[str, Any]

_CLEAN = Text("no value of the past changes", "过去的数值不变")
_WORDS = {"caught": Text("caught", "被发现"), "clean": _CLEAN}
_STAGES: dict[str, tuple[Words, Words]] = {
    "gate": (
        Text("quality gate", "质量检查"),
        Text("a verdict on a row that depends on later rows", "依赖后续行的行判定"),
    ),
    "universe": (
        Text("universe", "股票池"),
        Text("a stock ranked because of what it does later", "因后续表现而入选的股票"),
    ),
    "adjustment": (
        Text("adjustment of prices", "价格复权"),
        Text("a price adjusted for a dividend to come", "提前反映除权的价格"),
    ),
    "factors": (
        Text("factors of the night", "当晚因子"),
        Text("a factor that uses days after its own", "使用未来日期的因子"),
    ),
    "signals": (
        Text("signals of the sweep", "回测信号"),
        Text("a signal that knows the days after it", "知晓未来的信号"),
    ),
}


def leaks(found: Json) -> tuple[LeakTest, ...]:
    """Every stage's own test, then the planted leaks that must be caught."""
    return (
        *(_stage(stage, found) for stage in found["stages"]),
        *(_planted(alarm) for alarm in found["planted"]),
    )


def left_out(found: Json | None) -> tuple[LeftOut, ...]:
    """The factors that the night did without, each with the first cell that gave it away."""
    if found is None:
        return ()
    tested = next(stage for stage in found["stages"] if stage["name"] == "factors")
    return tuple(
        LeftOut(name, sentence)
        for name, sentence in zip(tested["leaking"], tested["leaks"], strict=True)
    )


def _stage(stage: Json, found: Json) -> LeakTest:
    name, catches = _STAGES[stage["name"]]
    if stage["untested"]:
        seen = say("not tested: {w}", "未检验：{w}", w=stage["untested"])
        return LeakTest(name=name, catches=catches, expected=_CLEAN, seen=seen, state="SKIP")
    factors = stage["name"] == "factors"
    return LeakTest(
        name=name,
        catches=catches,
        expected=_CLEAN,
        seen=_seen(stage, found),
        # a factor that leaks is left out, so the night stands; nothing can do without the others
        state="PASS" if stage["ok"] else "WARN" if factors else "FAIL",
        problem="" if stage["ok"] or not factors else _without(stage),
    )


def _seen(stage: Json, found: Json) -> Words:
    total, cuts = stage["outputs"], len(found["cuts"])
    if stage["ok"]:
        return say(
            "{n} outputs of {stocks} stocks at {cuts} cuts: none uses the future",
            "{stocks} 只股票、{n} 个输出、{cuts} 个截断点：均未使用未来数据",
            n=str(total),
            stocks=str(found["stocks"]),
            cuts=str(cuts),
        )
    return say(
        "{k} of {n} outputs leak; first: {what}",
        "{n} 个输出中 {k} 个泄漏；首个：{what}",
        k=str(len(stage["leaking"])),
        n=str(total),
        what=stage["leaks"][0],
    )


def _without(stage: Json) -> Words:
    """What the night does about factors that leak."""
    count = len(stage["leaking"])
    return say(
        "{n} {word} the future and {is_} left out: {what}",
        "{n} 个因子使用未来数据，已剔除：{what}",
        n=str(count),
        word=plural(count, "factor uses", "factors use"),
        is_=plural(count, "is", "are"),
        what=", ".join(stage["leaking"][:5]) + (", ..." if count > 5 else ""),
    )


def _planted(alarm: Json) -> LeakTest:
    return LeakTest(
        name=alarm["name"],
        catches=Text("shows that the alarm works", "证明警报有效"),
        expected=_WORDS[alarm["expected"]],
        seen=_WORDS[alarm["seen"]],
        state="PASS" if alarm["ok"] else "FAIL",
        planted=alarm["expected"] == "caught",
    )
