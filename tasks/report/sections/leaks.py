"""I: tests against data from the future, and the proof that the alarm works."""

from __future__ import annotations

from tasks.report.answers import leak_count
from tasks.report.blocks import Prose, Section, Table, columns, status, words
from tasks.report.night import Missing, Night
from tasks.report.states import severity, worst
from tasks.report.words import Text, capital, say

NAME = Text("Leak tests", "未来数据泄漏检验")


def build(night: Night) -> Section:
    """Each test by what it would catch, expected and seen; the planted leak among them."""
    leaks = night.leaks
    if isinstance(leaks, Missing):
        return Section("I", "leaks", NAME, leaks.state, capital(leaks.why))
    states = [t.state for t in leaks]
    if not any(t.planted for t in leaks):
        states.append("WARN")
    finding = say("Leak tests passed: {n}", "泄漏检验通过：{n}", n=leak_count(night))
    planted = Text("planted leak", "植入泄漏")
    rows = tuple(
        (
            words(t.name, tone="strong" if t.planted else ""),
            status(t.state, severity(t.state)),
            words(planted if t.planted else Text("real data", "真实流程")),
            words(t.catches),
            words(t.expected),
            words(t.seen),
        )
        for t in sorted(leaks, key=lambda t: (severity(t.state), not t.planted))
    )
    heads = columns(
        Text("test", "检验"),
        Text("state", "状态"),
        Text("kind", "类别"),
        Text("would catch", "可捕获"),
        Text("expected", "期望"),
        Text("seen", "所见"),
    )
    order = Text("failed first", "失败者在前")
    table = Table("leaks-table", Text("Leak tests", "泄漏检验"), heads, rows, order)
    note = Prose(
        Text(
            "The planted leak is put there on purpose: a night on which it is not caught cannot "
            "vouch for the others.",
            "植入泄漏为有意放置：若未被捕获，其余检验也不可信。",
        ),
        "note",
    )
    return Section("I", "leaks", NAME, worst(states), finding, (table, note))
