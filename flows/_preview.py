"""What a rerun will compute and what it will reuse, with the time to expect, before it begins."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from tasks.data.store import Store


@dataclasses.dataclass(frozen=True)
class Row:
    """One block of the earlier run, and what the rerun does with it.

    Attributes:
        label, stage: the block's.
        computed: whether it is computed anew; else what the earlier run left is reused.
        why: half a sentence.
        seconds: what its work took.
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
        return (
            f"{len(self.reused)} blocks are reused, {len(self.computed)} are computed anew: "
            f"{self.work_seconds:.0f} s of work, about {expected:.0f} s on "
            f"{cores} core{'s' * (cores != 1)}"
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
    rows: list[Row] = []
    anew: set[str] = set()
    for block in summary["blocks"]:
        why = _reason(block, from_stage, anew, summary["code"]["steps"], code, store)
        if why:
            anew.add(block["label"])
        rows.append(
            Row(
                block["label"],
                block["stage"],
                bool(why),
                why or "nothing it depends on changes",
                float(block["work_seconds"]),
                tuple(block["after"]),
                int(block.get("parts", 1)),
            )
        )
    return Preview(tuple(rows))


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
