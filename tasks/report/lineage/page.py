"""The page beside the report: how the night was computed.

One HTML file in the report's own dress, opening offline. Pure: the same summary gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.report import format as fmt
from tasks.report.blocks import Cell, Chart, Command, Facts, Table, columns, number, words
from tasks.report.html import environment, themes
from tasks.report.lineage import drawing
from tasks.report.lineage.graph import Span, Step, longest_chain, spans, steps
from tasks.report.lineage.origins import Number
from tasks.report.words import Text, Words, say

Json = Mapping[str, Any]
HASH_DIGITS = 12


def render(
    summary: Json, numbers: Sequence[Number], *, language: str = "en", up_color: str = "neutral"
) -> str:
    """The whole page as one HTML document.

    Args:
        summary: of the run.
        numbers: headline numbers with their way back.
        language: which of the two languages shows first.
        up_color: as of the report.
    """
    run, blocks = summary["run"], summary["blocks"]
    return (
        environment()
        .get_template("lineage.html.j2")
        .render(
            run=run,
            state=summary.get("state", "UNKNOWN"),
            sentence=summary.get("sentence", ""),
            graph=_graph(steps(blocks), blocks),
            timeline=_timeline(spans(blocks), summary["timing"]),
            blocks=_blocks(blocks),
            inputs=_inputs(summary["inputs"]),
            facts=_facts(summary),
            numbers=numbers,
            command=Command(Text("reproduce this night", "复现本次运行"), summary["command"]),
            html_lang="zh-CN" if language == "zh" else "en",
            up_color=up_color,
            provenance_line=f"Qilin {run['day']} {run['size']}",
            **themes(up_color),
        )
    )


def _graph(found: Sequence[Step], blocks: Sequence[Json]) -> Chart:
    chain = longest_chain(blocks)
    work = sum(
        b["work_seconds"] / b.get("parts", 1) for b in blocks if b["label"] in chain and _ran(b)
    )
    slowest = max(found, key=lambda s: s.seconds, default=None)
    finding = say(
        "The longest chain is {t} of work; {s} takes most, {w}",
        "最长链的计算量为 {t}；{s} 最多，{w}",
        t=fmt.duration(work),
        s=slowest.label if slowest else fmt.MISSING,
        w=fmt.duration(slowest.seconds if slowest else None),
    )
    question = Text(
        "What waits for what? Blocks and seconds of work per step; the longest chain is drawn bold",
        "谁等待谁？每一步的分块数与计算秒数；最长链以粗线画出",
    )
    return Chart("graph", finding, question, drawing.graph(found), wide=True, data=_steps(found))


def _timeline(found: Sequence[Span], timing: Json) -> Chart:
    end = max((s.start + s.seconds for s in found), default=0.0)
    beyond = timing["wall_seconds"] - timing["critical_path_seconds"]
    finding: Words = say(
        "{t} from first to last block, {o} of it beyond the longest chain",
        "自首个到末个分块共 {t}，其中 {o} 超出最长链",
        t=fmt.duration(timing["wall_seconds"]),
        o=fmt.duration(beyond),
    )
    if not any(span.lane for span in found):
        finding = Text("No worker computed a block: all was found", "无需计算：全部复用")
    question = Text(
        "When and where was each block worked on? Hollow: found in the store, or not a worker's",
        "各分块何时、在何处计算？空心：取自存储，或非工作线程所为",
    )
    note = Text(
        "Grey load, blue features, purple backtest, orange train. A block that spreads its parts "
        "over all workers waits on its own row meanwhile.",
        "灰 load，蓝 features，紫 backtest，橙 train。"
        "把部分工作分给所有线程的分块，期间在自己的行上等待。",
    )
    return Chart("timeline", finding, question, drawing.timeline(found, end), note=note, wide=True)


def _facts(summary: Json) -> Facts:
    counts, timing = summary["counts"], summary["timing"]
    wall, chain = timing["wall_seconds"], timing["critical_path_seconds"]
    twice = Text("begun twice (crashes, retries)", "重复开始（崩溃、重试）")
    rows: tuple[tuple[Words, Words], ...] = (
        (Text("blocks", "分块"), f"{counts['blocks']}"),
        (Text("computed", "计算"), f"{counts['computed']}"),
        (Text("found in the store", "复用"), f"{counts['cached']}"),
        (Text("failed", "失败"), f"{counts['failed']}"),
        (twice, f"{counts['begun_twice']}"),
        (Text("from first to last block", "自首个到末个分块"), fmt.duration(wall)),
        (Text("work, one core", "计算量（单核）"), fmt.duration(timing["work_seconds"])),
        (Text("longest chain of work", "最长链"), fmt.duration(chain)),
        (Text("beyond the longest chain", "超出最长链"), fmt.duration(wall - chain)),
        (Text("cores", "核数"), str(summary["machine"]["cores"])),
    )
    return Facts(tuple((label, words(value)) for label, value in rows))


def _steps(found: Sequence[Step]) -> Table:
    heads = columns(
        Text("step", "步骤"), Text("stage", "阶段"), (Text("blocks", "分块"), True),
        (Text("computed", "计算"), True), (Text("found", "复用"), True),
        (Text("failed", "失败"), True), (Text("work", "计算量"), True), Text("waits for", "等待"),
    )  # fmt: skip
    rows = tuple(
        (
            words(s.label, tone="strong" if s.critical else ""),
            words(s.stage),
            *(number(f"{n:,}", n) for n in (s.blocks, s.computed, s.cached, s.failed)),
            number(fmt.duration(s.seconds), s.seconds),
            words(", ".join(s.after)),
        )
        for s in found
    )
    return Table(
        "steps", Text("Steps in the order they began", "各步骤（按开始顺序）"), heads, rows
    )


def _blocks(blocks: Sequence[Json]) -> Table:
    heads = columns(
        Text("block", "分块"), Text("stage", "阶段"), Text("state", "状态"),
        Text("worker", "线程"), (Text("began after", "开始于"), True),
        (Text("work", "计算量"), True), Text("key", "键"),
    )  # fmt: skip
    nobody = Text("found in the store, or not a worker's", "取自存储，或非工作线程所为")
    rows = tuple(
        (
            words(b["label"]),
            words(b["stage"]),
            words(b["state"], tone="strong" if b["state"] == "failed" else ""),
            words(b["worker"], why=nobody),
            number(fmt.duration(b["began"]), b["began"], why=nobody),
            number(fmt.duration(b["work_seconds"]), b["work_seconds"]),
            words(b["key"][:HASH_DIGITS], tone="code"),
        )
        for b in blocks
    )
    caption = Text("Blocks in the order they were submitted", "各分块（按提交顺序）")
    return Table("blocks", caption, heads, rows, shown=100)


def _inputs(inputs: Json) -> Table:
    rows = tuple((words(k), Cell(v[:HASH_DIGITS], v, tone="code")) for k, v in inputs.items() if v)
    heads = columns(Text("input", "输入"), Text("hash", "哈希"))
    return Table(
        "inputs", Text("Everything that decides the numbers", "决定数字的全部输入"), heads, rows
    )


def _ran(block: Json) -> bool:
    return bool(block["state"] == "computed")
