"""The night as a graph of steps: what waits for what, and which chain was the longest.

Pure: it reads the blocks of a run's summary and nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Step:
    """All blocks of one step of the night.

    Attributes:
        name: of the step.
        label: of its block; of several, the step's name.
        stage: the report's stage.
        level: steps that lie before it on the longest way from the first one.
        blocks: how many there are.
        computed, cached, failed: how many of them ended so.
        seconds: work of those computed.
        critical: whether the night's longest chain runs through it.
        after: names of the steps it waits for, without those that are waited for anyway.
    """

    name: str
    label: str
    stage: str
    level: int
    blocks: int
    computed: int
    cached: int
    failed: int
    seconds: float
    critical: bool
    after: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Span:
    """One block on its worker.

    Attributes:
        label, stage, state: the block's.
        lane: the worker's thread; empty where no worker computed it in this run.
        start: seconds after the night's start.
        seconds: that it took; of a block without a worker, from submission to its end.
    """

    label: str
    stage: str
    state: str
    lane: str
    start: float
    seconds: float


def steps(blocks: Sequence[Json]) -> list[Step]:
    """Every step of a night, in the order of its first block.

    Args:
        blocks: of the run's summary, in the order of submission.
    """
    groups: dict[str, list[Json]] = {}
    for block in blocks:
        groups.setdefault(block["step"], []).append(block)
    step_of = {block["label"]: block["step"] for block in blocks}
    levels = _levels(blocks)
    # A search that asks for one batch after the other runs in circles; its arrows point forward.
    waits = {
        name: {
            before
            for block in group
            for label in block["after"]
            if levels[before := step_of[label]] < levels[name]
        }
        for name, group in groups.items()
    }
    chain = {step_of[label] for label in longest_chain(blocks)}
    return [
        Step(
            name=name,
            label=group[0]["label"] if len(group) == 1 else name.replace("_", " "),
            stage=group[0]["stage"],
            level=levels[name],
            blocks=len(group),
            computed=sum(b["state"] == "computed" for b in group),
            cached=sum(b["state"] == "cached" for b in group),
            failed=sum(b["state"] == "failed" for b in group),
            seconds=sum(_work(b) for b in group),
            critical=name in chain,
            after=tuple(sorted(_direct(waits, name))),
        )
        for name, group in groups.items()
    ]


def longest_chain(blocks: Sequence[Json]) -> list[str]:
    """Labels of the blocks, first to last, whose work together bounds the night's time."""
    total: dict[str, float] = {}
    before: dict[str, str] = {}
    for block in blocks:  # in order of submission: whatever a block waits for comes before it
        label = block["label"]
        last = max(block["after"], key=lambda name: total[name], default="")
        before[label] = last
        total[label] = total.get(last, 0.0) + _work(block) / block.get("parts", 1)
    chain = [max(total, key=lambda name: total[name])] if total else []
    while chain and before[chain[-1]]:
        chain.append(before[chain[-1]])
    return chain[::-1]


def spans(blocks: Sequence[Json]) -> list[Span]:
    """When each block was worked on, and where, in order of the start."""
    found = []
    for block in blocks:
        lane = block.get("worker", "")
        start = block["began"] if lane else block["start"]
        took = block.get("took_seconds", block["work_seconds"])
        seconds = took if lane else (block["end"] or start) - start
        found.append(Span(block["label"], block["stage"], block["state"], lane, start, seconds))
    return sorted(found, key=lambda span: span.start)


def _work(block: Json) -> float:
    return float(block["work_seconds"]) if block["state"] == "computed" else 0.0


def _levels(blocks: Sequence[Json]) -> dict[str, int]:
    """Step to the largest number of other steps that one of its blocks has behind it."""
    depth: dict[str, int] = {}
    levels: dict[str, int] = {}
    step_of = {block["label"]: block["step"] for block in blocks}
    for block in blocks:
        step = block["step"]
        steps_before = (depth[b] + (step_of[b] != step) for b in block["after"])
        depth[block["label"]] = max(steps_before, default=0)
        levels[step] = max(levels.get(step, 0), depth[block["label"]])
    return levels


def _direct(waits: Mapping[str, set[str]], name: str) -> set[str]:
    """What a step waits for, without what one of these waits for itself."""
    return {one for one in waits[name] if not any(one in _behind(waits, o) for o in waits[name])}


def _behind(waits: Mapping[str, set[str]], name: str) -> set[str]:
    """Every step that lies before one."""
    return set().union(*({one} | _behind(waits, one) for one in waits[name]))
