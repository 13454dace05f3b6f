"""B: what changed since the last night, so that a change of result has someone to blame."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.report import format as fmt
from tasks.report.answers import turnover
from tasks.report.blocks import Block, Cell, Prose, Section, Table, columns, without_empty, words
from tasks.report.night import Changes, Missing, Move, Night
from tasks.report.words import Text, Words, capital, is_empty, plural, say

NAME = Text("What changed", "变化")


def build(night: Night) -> Section:
    """Inputs before and now, then survivors that entered, left or moved."""
    changes = night.changes
    if isinstance(changes, Missing):
        return Section("B", "changes", NAME, changes.state, capital(changes.why), always_open=True)
    changed = sum(i.changed for i in changes.inputs)
    finding = say(
        "{t}; {n} inputs changed since {d}",
        "{t}；自 {d} 起 {n} 项输入有变化",
        t=turnover(changes),
        n=fmt.of(changed, len(changes.inputs)),
        d=changes.previous_day,
    )
    blocks: list[Block] = []
    if changes.inputs:
        blocks.append(_inputs(changes))
    moves = _moves(changes)
    if moves.rows:
        blocks.append(moves)
    else:
        blocks.append(Prose(_nothing(changes)))
    return Section("B", "changes", NAME, "PASS", finding, tuple(blocks), always_open=True)


def _inputs(changes: Changes) -> Table:
    yes, no = Text("changed", "有变化"), Text("same", "未变")
    rows = tuple(
        (
            words(i.name, tone="strong" if i.changed else ""),
            Cell(
                yes if i.changed else no,
                0.0 if i.changed else 1.0,
                tone="" if i.changed else "weak",
            ),
            words(fmt.short_hash(i.before, 40), tone="code"),
            words(fmt.short_hash(i.now, 40), tone="code"),
            words(i.note),
        )
        for i in sorted(changes.inputs, key=lambda i: not i.changed)
    )
    heads = columns(
        Text("input", "输入"),
        Text("state", "状态"),
        Text("before", "之前"),
        Text("now", "现在"),
        Text("note", "说明"),
    )
    order = Text("changed inputs first", "有变化者在前")
    return without_empty(
        Table("inputs", Text("Inputs of the night", "本次运行的输入"), heads, rows, order)
    )


def _moves(changes: Changes) -> Table:
    rows = [
        *_kind(changes.entered, Text("+ entered", "＋ 新进"), 0),
        *_kind(changes.left, Text("− left", "− 退出"), 1),
        *_kind(changes.moved, Text("± moved", "± 变动"), 2),
    ]
    heads = columns(Text("name", "名称"), Text("change", "变化"), Text("how", "详情"))
    caption = say("Entered, left or moved{f}", "新进、退出与变动{f}", f=_far(changes))
    if not is_empty(changes.scope):
        caption = say("{c} among {s}", "{s}：{c}", c=caption, s=changes.scope)
    return without_empty(Table("moves", caption, heads, tuple(rows)))


def _nothing(changes: Changes) -> Words:
    """That nothing happened, and what would have counted."""
    if is_empty(changes.scope):
        return Text("Nothing entered, left or moved.", "没有新进、退出或变动。")
    return say(
        "{s}: nothing entered or left, none moved{f}.",
        "{s}：无新进或退出，无变动{f}。",
        s=capital(changes.scope),
        f=_far(changes),
    )


def _far(changes: Changes) -> Words:
    """From how many places on a move counts."""
    if not changes.far:
        return ""
    places = plural(changes.far, "place", "places")
    return Text(f" by {changes.far} {places} or more", f"（{changes.far} 位及以上）")


def _kind(moves: Sequence[Move], label: Words, order: int) -> list[tuple[Cell, ...]]:
    return [(words(m.name), Cell(label, float(order)), words(m.what)) for m in moves]
