"""J: the run and its devices."""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.blocks import (
    Block,
    Cell,
    Command,
    Prose,
    Section,
    Table,
    columns,
    number,
    status,
    without_empty,
    words,
)
from tasks.report.charts import run as charts
from tasks.report.night import Missing, Night, Stage
from tasks.report.states import severity, worst
from tasks.report.words import Text, Words, capital, say

NAME = Text("Run and devices", "运行与设备")


def build(night: Night) -> Section:
    """Problems, stages, the timeline, failed blocks and devices."""
    blocks: list[Block] = []
    if found := verdict.problems(night):
        blocks.append(_problems(night))
    if night.stages:
        blocks += [charts.timeline(night.stages), _stages(night)]
    blocks.append(Prose(capital(verdict.failed_blocks(night)), "rule"))
    if any(stage.failed_blocks or stage.state == "FAIL" for stage in night.stages):
        retry = Text("recompute only the failed blocks", "仅重算失败的分块")
        blocks.append(Command(retry, verdict.retry_command(night)))
    devices = night.devices
    if isinstance(devices, Missing):
        blocks.append(Prose(say("Devices: {w}", "设备：{w}", w=devices.why)))
    elif devices:
        blocks.append(_devices(night))
    states = [s.state for s in night.stages] + [p.state for p in found if p.section == "J"]
    return Section("J", "run", NAME, worst(states), _finding(night), tuple(blocks))


def _finding(night: Night) -> Words:
    cached = sum(s.cached for s in night.stages)
    total = cached + sum(s.computed + s.failed for s in night.stages)
    return say(
        "{blocks}; {c} blocks from cache; {t} until this report on {d}",
        "{blocks}；{c} 个分块来自缓存；至本报告用时 {t}，设备 {d}",
        blocks=capital(verdict.failed_blocks(night, short=True)),
        c=fmt.of(cached, total),
        t=fmt.duration(night.run.seconds),
        d=night.run.device_used.upper() or fmt.MISSING,
    )


def _problems(night: Night) -> Table:
    rows = tuple(
        (
            words(p.what),
            status(p.state, severity(p.state)),
            words(p.since),
            words(p.effect),
            words(p.do),
            Cell(p.section, p.section),
        )
        for p in verdict.problems(night)
    )
    heads = columns(
        Text("problem", "问题"),
        Text("state", "状态"),
        Text("since", "始于"),
        Text("effect", "影响"),
        Text("do", "处理"),
        Text("section", "章节"),
    )
    order = Text("worst first", "最严重者在前")
    return without_empty(
        Table("problems", Text("Problems of this night", "本次运行的问题"), heads, rows, order)
    )


def _stages(night: Night) -> Table:
    rows = tuple(_stage(s) for s in night.stages)
    heads = columns(
        Text("stage", "阶段"),
        Text("state", "状态"),
        Text("done", "完成"),
        (Text("time", "用时"), True),
        Text("device", "设备"),
        (Text("computed", "计算"), True),
        (Text("cached", "缓存"), True),
        (Text("failed", "失败"), True),
        (Text("retries", "重试"), True),
        (Text("lost workers", "丢失进程"), True),
        Text("note", "说明"),
    )
    return without_empty(
        Table("stages", Text("Stages in the order they ran", "各阶段（按运行顺序）"), heads, rows)
    )


def _stage(s: Stage) -> tuple[Cell, ...]:
    not_run = Text("did not run", "未运行")
    ran = s.state != "SKIP"
    return (
        words(s.name),
        status(s.state, severity(s.state)),
        words(s.done, why=not_run),
        number(fmt.duration(s.seconds), s.seconds, why=not_run),
        words(s.device.upper(), why=Text("no device", "不涉及")),
        *[
            number(f"{n:,}", n if ran else None, why=not_run)
            for n in (s.computed, s.cached, s.failed, s.retries, s.lost_workers)
        ],
        words(s.note),
    )


def _devices(night: Night) -> Table:
    assert not isinstance(night.devices, Missing)
    none = Text("no CPU night to compare with", "没有可比的 CPU 运行")
    rows = tuple(
        (
            words(d.stage),
            words(d.asked.upper()),
            words(d.used.upper(), tone="strong" if d.asked not in ("auto", d.used) else ""),
            words(d.reason, why=Text("as asked", "与要求一致")),
            number(fmt.duration(d.seconds), d.seconds),
            number(fmt.printed(d.speed, "times"), d.speed, why=none),
            number(_tiny(d.difference), d.difference, why=none),
            number(_tiny(d.tolerance), d.tolerance, why=none),
        )
        for d in night.devices
    )
    heads = columns(
        Text("stage", "阶段"),
        Text("asked", "要求"),
        Text("used", "使用"),
        Text("why different", "不同原因"),
        (Text("time", "用时"), True),
        (Text("speed against CPU", "相对 CPU 速度"), True),
        (Text("largest difference", "最大差异"), True),
        (Text("tolerance", "容差"), True),
    )
    return without_empty(Table("devices", Text("Devices", "设备"), heads, rows))


def _tiny(value: float | None) -> str:
    if value is None:
        return fmt.MISSING
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-").replace("-", fmt.MINUS)
