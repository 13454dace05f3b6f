"""Part of K: what the night survived, and that what it took over is what was written."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.blocks import Card, Cell, Facts, Prose, Table, columns, number, words
from tasks.report.night import Life, Survival
from tasks.report.words import Text, Words, join, say

TITLE = Text("Resume certificate", "断点续跑证明")
_LOST = Text("The cluster lost blocks, which were sent again.", "集群丢失了部分分块，已重发。")


def card(survival: Survival) -> Card:
    """The crashes, the blocks that were taken over or done twice, and what was verified."""
    blocks = (Prose(_finding(survival)), Facts(_facts(survival)), _lives(survival.lives))
    kept = blocks if survival.lives else blocks[:-1]
    holds = Text("hashes hold", "哈希一致")
    badge = Text("DAMAGED", "已损坏") if survival.damaged else holds
    return Card("resume", TITLE, kept, badge)


def _finding(survival: Survival) -> Words:
    died = sum(life.died for life in survival.lives)
    if survival.damaged:
        return say(
            "{k}: read again, they are not what was written. Retry the run: they are rebuilt.",
            "{k}：重新读取后与写入内容不符。请重试本次运行，它们会被重建。",
            k=join(survival.damaged),
        )
    before = say(
        "Attempts before this one: {d} killed, {f} ended Failed.",
        "此前的运行：{d} 次被杀，{f} 次以失败结束。",
        d=str(died),
        f=str(len(survival.lives) - died),
    )
    return say(
        "{b} {r} blocks were taken over; each was read again and has the hash under which it was "
        "written.",
        "{b}沿用 {r} 个分块，每块均已重新读取，与写入时的哈希一致。",
        b=before if survival.lives else _LOST,
        r=str(survival.reused),
    )


def _facts(survival: Survival) -> tuple[tuple[Words, Cell], ...]:
    checked = say(
        "{n} artifacts, {b}, each file against the hash in its manifest",
        "{n} 个产物，{b}，逐文件与清单中的哈希比对",
        n=str(survival.reused),
        b=fmt.size(survival.bytes),
    )
    twice: Words = join(survival.twice) if survival.twice else Text("none", "无")
    rows = (
        ("blocks taken over", "沿用的分块", str(survival.reused)),
        ("blocks computed by the last life", "最后一次计算的分块", str(survival.computed)),
        ("begun more than once", "多次开始的分块", twice),
        ("sent again after the cluster lost them", "集群丢失后重发", str(survival.resent)),
        ("verified", "已验证", checked),
    )
    return tuple((Text(english, chinese), words(value)) for english, chinese, value in rows)


def _lives(lives: tuple[Life, ...]) -> Table:
    rows = tuple(
        (
            words(life.run_id, tone="code"),
            words(fmt.stamp(life.started)),
            words(fmt.stamp(life.last)),
            number(str(life.begun), life.begun),
            words(Text("killed", "被杀") if life.died else Text("ended Failed", "以失败结束")),
        )
        for life in lives
    )
    heads = columns(
        Text("run id", "运行编号"),
        Text("started", "开始"),
        Text("last block begun", "最后开始的分块"),
        (Text("blocks begun", "开始的分块数"), True),
        Text("how it ended", "如何结束"),
    )
    caption = Text("Lives before the one that completed the night", "完成之前的各次运行")
    return Table("lives", caption, heads, rows, order=Text("oldest first", "按时间先后"))
