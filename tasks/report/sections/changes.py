"""B: what changed since the last night, so that a change of result has someone to blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.report import format as fmt
from tasks.report.answers import turnover
from tasks.report.assemble.headline import headline
from tasks.report.blocks import (
    Block,
    Cell,
    Prose,
    Section,
    Table,
    columns,
    number,
    without_empty,
    words,
)
from tasks.report.night import Changes, Missing, Move, Night
from tasks.report.words import Text, Words, capital, is_empty, plural, say

Headline = Mapping[str, float | int | str | None]

NAME = Text("What changed", "变化")
#: headline numbers that are compared, and their decimals
NUMBERS: dict[str, tuple[Words, int]] = {
    "trials": (Text("trials tonight", "今晚试验"), 0),
    "survivors": (Text("survivors", "通过者"), 0),
    "best_sharpe_ratio": (Text("best Sharpe ratio", "最高夏普比率"), 3),
    "best_of_noise_sharpe_ratio": (Text("best of noise", "噪声中的最高值"), 3),
    "model_rank_ic": (Text("rank IC of the model", "模型的秩相关"), 4),
    "portfolio_growth_ratio": (Text("growth of the portfolio", "组合净值倍数"), 4),
    "ranked": (Text("stocks ranked", "排名股票数"), 0),
}


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
    numbers = _numbers(changes.numbers_before, headline(night))
    if numbers.rows:
        blocks.append(numbers)
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


def _numbers(before: Headline, now: Headline) -> Table:
    """The headline numbers of both nights; one that only one of them has is no change."""
    rows = []
    for name, (label, places) in NUMBERS.items():
        old, new = before.get(name), now.get(name)
        if isinstance(old, (int, float)) and isinstance(new, (int, float)):
            change = Text("same", "未变") if new == old else fmt.fixed(new - old, places, sign=True)
            cells = (number(fmt.fixed(old, places), old), number(fmt.fixed(new, places), new))
            rows.append((words(label), *cells, number(change, new - old)))
    heads = columns(
        Text("number", "数字"),
        (Text("before", "之前"), True),
        (Text("now", "现在"), True),
        (Text("change", "变化"), True),
    )
    return Table("numbers", Text("Headline numbers", "主要数字"), heads, tuple(rows))


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
