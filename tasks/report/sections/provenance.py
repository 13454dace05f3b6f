"""K: what is needed to get the same numbers again."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.report import format as fmt
from tasks.report.blocks import Block, Cell, Command, Facts, Grid, Section, Table, columns, words
from tasks.report.night import Missing, Night, Provenance
from tasks.report.sections import resume
from tasks.report.states import State
from tasks.report.words import Text, Words, capital, say

NAME = Text("Provenance", "来源与复现")


def build(night: Night) -> Section:
    """Hashes, versions, seeds, machine and the command to reproduce."""
    provenance = night.provenance
    if isinstance(provenance, Missing):
        return Section("K", "provenance", NAME, provenance.state, capital(provenance.why))
    state: State = "WARN" if provenance.code_mixed else "PASS"
    finding = say(
        "Code {c}, data {d}: {r}",
        "代码 {c}，数据 {d}：{r}",
        c=commit(night),
        d=fmt.short_hash(night.run.snapshot),
        r=_repeatable(night, provenance),
    )
    blocks: list[Block] = [
        Command(Text("reproduce this night", "复现本次运行"), provenance.command),
        Facts(_facts(night, provenance)),
        Grid(
            (
                _pairs("hashes", Text("Hashes", "哈希"), provenance.hashes),
                _pairs("versions", Text("Versions", "版本"), provenance.versions),
                _pairs("machine", Text("Machine", "机器"), provenance.machine),
                _pairs(
                    "seeds",
                    Text("Seeds", "随机种子"),
                    {k: str(v) for k, v in provenance.seeds.items()},
                ),
            )
        ),
    ]
    if provenance.survival is not None:
        blocks.insert(2, resume.card(provenance.survival))
        state = "FAIL" if provenance.survival.damaged else state
    return Section("K", "provenance", NAME, state, finding, tuple(blocks))


def _repeatable(night: Night, provenance: Provenance) -> Words:
    """Whether the command alone is enough."""
    if provenance.code_mixed:
        return Text(
            "blocks of different code were mixed, no one command gives these numbers",
            "混用了不同代码的分块，没有单一命令能得到相同数字",
        )
    if night.run.modified:
        return Text(
            "the command below gives the same numbers only with the same modified files",
            "仅在相同的改动文件下，以下命令才能得到相同数字",
        )
    return Text("the command below gives the same numbers", "以下命令可得到相同数字")


def commit(night: Night) -> Words:
    """The commit, and whether files differed from it."""
    short = fmt.short_hash(night.run.commit)
    if night.run.modified:
        return say("{c} + modified", "{c} + 有改动", c=short)
    return short


def _facts(night: Night, provenance: Provenance) -> tuple[tuple[Words, Cell], ...]:
    code = (
        Text("mixed: a retry reused blocks of older code", "混合：重试沿用了旧代码的分块")
        if provenance.code_mixed
        else Text("one version throughout", "全程同一版本")
    )
    return (
        (Text("run", "运行"), words(f"{night.run.day}/{night.run.name}")),
        (Text("run id", "运行编号"), words(provenance.run_id, tone="code")),
        (Text("started", "开始"), words(fmt.stamp(night.run.started))),
        (Text("finished", "完成"), words(fmt.stamp(night.run.finished))),
        (Text("code", "代码"), words(code)),
    )


def _pairs(id_: str, caption: Words, values: Mapping[str, str]) -> Table:
    rows = tuple((words(k), words(v, tone="code long")) for k, v in sorted(values.items()))
    heads = columns(Text("name", "名称"), Text("value", "值"))
    return Table(id_, caption, heads, rows, shown=40)
