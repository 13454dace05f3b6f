"""How sweep blocks and trial tables become files of an artifact, and come back."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.blocks import SweepBlock
from tasks.backtest.combinations import Combinations
from tasks.data import codec
from tasks.data.userfiles import UserFile

if TYPE_CHECKING:
    from tasks.backtest.trials import TrialTable
    from tasks.data.store import Artifact, Store

_ARRAYS = ("sums", "buys", "sells", "breadth", "days", "pairs")


def block_files(block: SweepBlock) -> dict[str, bytes]:
    """One `.npy` file per array, and a JSON head with sets, stocks and dates."""
    sets = block.combinations
    head = {
        "strategy": sets.strategy,
        "names": list(sets.names),
        "symbols": list(block.symbols),
        "dates": [str(d) for d in block.dates],
        "first": block.first,
        "errors": {str(number): reason for number, reason in block.errors.items()},
        "file": None if sets.file is None else dataclasses.asdict(sets.file),
    }
    files = {f"{name}.npy": codec.array_bytes(getattr(block, name)) for name in _ARRAYS}
    files["values.npy"] = codec.array_bytes(sets.values)
    files["numbers.npy"] = codec.array_bytes(sets.numbers)
    return files | {"head.json": json.dumps(head).encode()}


def block_from(store: Store, artifact: Artifact) -> SweepBlock:
    """Read back what `block_files` gave."""
    head = store.read_json(artifact, "head.json")
    arrays: dict[str, Any] = {n: store.read_array(artifact, f"{n}.npy") for n in _ARRAYS}
    return SweepBlock(
        combinations=sets_from(store, artifact),
        symbols=tuple(head["symbols"]),
        dates=np.array(head["dates"], dtype="datetime64[D]"),
        first=head["first"],
        errors={int(number): reason for number, reason in head["errors"].items()},
        **arrays,
    )


def sets_from(store: Store, artifact: Artifact) -> Combinations:
    """The parameter sets of a block alone."""
    head = store.read_json(artifact, "head.json")
    return Combinations(
        strategy=head["strategy"],
        names=tuple(head["names"]),
        values=store.read_array(artifact, "values.npy"),
        numbers=store.read_array(artifact, "numbers.npy"),
        file=UserFile(**head["file"]) if head["file"] else None,
    )


def trial_files(table: TrialTable) -> dict[str, bytes]:
    """The trials' figures as Parquet, their daily net returns and their periods' moments."""
    return {
        "trials.parquet": codec.frame_bytes(table.frame),
        "returns.npy": codec.array_bytes(table.returns),
        "dates.npy": codec.array_bytes(table.dates.astype("datetime64[D]").astype(np.int64)),
        "period_days.npy": codec.array_bytes(table.period_days),
        "period_sums.npy": codec.array_bytes(table.period_sums),
        "period_squares.npy": codec.array_bytes(table.period_squares),
    }
