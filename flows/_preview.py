"""What a rerun will compute and what it will reuse, with the time to expect, before it begins."""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from flows import _history
from tasks.data.store import Store

#: most runs whose times are looked at
MOST_RUNS = 20


@dataclasses.dataclass(frozen=True)
class Row:
    """One block of the earlier run, and what the rerun does with it.

    Attributes:
        label, stage: the block's.
        computed: whether it is computed anew; else what the earlier run left is reused.
        why: half a sentence.
        seconds: what its work took, the median over the runs that computed it.
        runs: how many those are.
        after: labels of the blocks that it waits for.
        parts: pieces that it spreads over the workers.
    """

    label: str
    stage: str
    computed: bool
    why: str
    seconds: float
    after: tuple[str, ...] = ()
    parts: int = 1
    runs: int = 1


@dataclasses.dataclass(frozen=True)
class Preview:
    """Every block of the earlier run, in its order."""

    rows: tuple[Row, ...]

    @property
    def reused(self) -> list[Row]:
        """Blocks that stand."""
        return [row for row in self.rows if not row.computed]

    @property
    def computed(self) -> list[Row]:
        """Blocks that are computed anew."""
        return [row for row in self.rows if row.computed]

    @property
    def work_seconds(self) -> float:
        """Work of what is computed anew, on one core."""
        return sum(row.seconds for row in self.computed)

    @property
    def chain_seconds(self) -> float:
        """Work of the longest chain of what is computed anew: no number of cores is faster."""
        until: dict[str, float] = {}
        for row in self.rows:  # in order of submission: whatever a block waits for comes before it
            before = max((until[label] for label in row.after), default=0.0)
            until[row.label] = before + (row.seconds / row.parts if row.computed else 0.0)
        return max(until.values(), default=0.0)

    @property
    def sentence(self) -> str:
        """The whole in one sentence."""
        cores = len(os.sched_getaffinity(0))
        expected = max(self.work_seconds / cores, self.chain_seconds)
        runs = max((row.runs for row in self.computed), default=0)
        times = "the time of one run" if runs == 1 else f"the median times of {runs} runs"
        return (
            f"{len(self.reused)} blocks are reused, {len(self.computed)} are computed anew: "
            f"{self.work_seconds:.0f} s of work, about {expected:.0f} s on "
            f"{cores} core{'s' * (cores != 1)}" + (f", going by {times}" if runs else "")
        )

    def table(self) -> list[dict[str, str]]:
        """Rows for a Prefect table artifact, whose page has room for four columns."""
        return [
            {
                "block": row.label,
                "what happens": "computed anew" if row.computed else "reused",
                "work": f"{row.seconds:.1f} s",
                "why": row.why,
            }
            for row in self.rows
        ]


def preview(
    summary: Mapping[str, Any], from_stage: str, code: Mapping[str, str], store: Store
) -> Preview:
    """What rerunning a night from a stage does.

    Args:
        summary: of the run that is run again.
        from_stage: everything of this stage, and whatever waits for it, is computed anew.
        code: today's code hash of every step; blocks made by other code cannot be reused.
        store: where the artifacts should still be.
    """
    times = _times(summary, store)
    rows: list[Row] = []
    anew: set[str] = set()
    for block in summary["blocks"]:
        why = _reason(block, from_stage, anew, summary["code"]["steps"], code, store)
        if why:
            anew.add(block["label"])
        took = times.get(_undated(block["label"], summary), [float(block["work_seconds"])])
        rows.append(
            Row(
                block["label"],
                block["stage"],
                bool(why),
                why or "nothing it depends on changes",
                statistics.median_low(took),  # of two nights the first may have compiled kernels
                tuple(block["after"]),
                int(block.get("parts", 1)),
                len(took),
            )
        )
    return Preview(tuple(rows))


def _times(summary: Mapping[str, Any], store: Store) -> dict[str, list[float]]:
    """Seconds of work of each block in every run like this one that computed it."""
    found: dict[str, list[float]] = {}
    for run in [summary, *_like(summary, store)]:
        for block in run["blocks"]:
            if block["state"] == "computed":
                name = _undated(block["label"], run)
                found.setdefault(name, []).append(float(block["work_seconds"]))
    return found


def _like(summary: Mapping[str, Any], store: Store) -> Iterator[Mapping[str, Any]]:
    """The newest other runs with the same settings, whatever their day."""
    left = MOST_RUNS - 1
    for day in reversed(_history.days(store)):
        for run in reversed(_history.summaries(store, day)):
            same = run["inputs"].get("settings") == summary["inputs"]["settings"]
            if left and same and run["run"]["id"] != summary["run"]["id"]:
                left -= 1
                yield run
        if not left:
            return


def _undated(label: str, summary: Mapping[str, Any]) -> str:
    """A block's name without the night's day, to find it in other nights."""
    return label.replace(summary["run"]["day"], "").strip()


def _reason(
    block: Mapping[str, Any],
    from_stage: str,
    anew: set[str],
    before: Mapping[str, str],
    code: Mapping[str, str],
    store: Store,
) -> str:
    """Why a block is computed anew; empty if it is not."""
    step = block["step"]
    if block["stage"] == from_stage:
        return "of the stage asked for"
    if block["stage"] == "report":
        return "every run writes its own"
    if any(label in anew for label in block["after"]):
        return "waits for what is computed anew"
    if step in code and before.get(step, code[step]) != code[step]:
        return "its code has changed"
    if not block["key"] or store.find(block["key"]) is None:
        return "its artifact is not in the store"
    return ""
