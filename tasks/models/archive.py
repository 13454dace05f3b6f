"""How features, datasets and fold results become files of an artifact, and come back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.data import codec
from tasks.models.dataset import Block, Dataset
from tasks.models.scores import Score
from tasks.models.walkforward import Fold, FoldResult

if TYPE_CHECKING:
    from tasks.data.store import Artifact, Store

#: kind of the artifact with features that were computed over all symbols
ACROSS = "features_across"
_ARRAYS = ("X", "y", "returns", "day", "column", "starts")


def blocks_from(
    store: Store, features: Sequence[Artifact], without: Sequence[str] = ()
) -> list[Block]:
    """Features by blocks of symbols, each with its part of those computed over all symbols.

    Args:
        store: where the artifacts are.
        features: blocks of symbols in order, and at most one artifact over all symbols.
        without: names that are left out.
    """
    across = [_block(store, part, without) for part in features if part.kind == ACROSS]
    blocks = [_block(store, part, without) for part in features if part.kind != ACROSS]
    if not blocks:
        return across
    start = 0
    joined = []
    for block in blocks:
        columns = slice(start, start + len(block.symbols))
        more = {n: grid[:, columns] for whole in across for n, grid in whole.features.items()}
        joined.append(Block(block.symbols, {**block.features, **more}))
        start = columns.stop
    return joined


def facts_of(store: Store, features: Sequence[Artifact], fact: str) -> dict[str, str]:
    """The factor set (`sets`) or the text (`expressions`) of each feature that has one."""
    return {
        name: value
        for part in features
        for name, value in store.read_json(part, "head.json")[fact].items()
    }


def _block(store: Store, part: Artifact, without: Sequence[str]) -> Block:
    head = store.read_json(part, "head.json")
    values = store.read_array(part, "features.npy")
    named = zip(head["names"], values, strict=True)
    return Block(tuple(head["symbols"]), {n: grid for n, grid in named if n not in without})


def dataset_files(data: Dataset) -> dict[str, bytes | Callable[[str], None]]:
    """One `.npy` file per array, and a JSON head with names, dates and symbols."""
    head = {
        "names": list(data.names),
        "dates": [str(d) for d in data.dates],
        "symbols": list(data.symbols),
        "span": data.span,
    }
    arrays = {f"{name}.npy": codec.array_writer(getattr(data, name)) for name in _ARRAYS}
    return {**arrays, "head.json": json.dumps(head).encode()}


def dataset_from(store: Store, artifact: Artifact) -> Dataset:
    """Read back what `dataset_files` gave."""
    head = store.read_json(artifact, "head.json")
    arrays = {name: store.read_array(artifact, f"{name}.npy") for name in _ARRAYS}
    return Dataset(
        **arrays,
        names=tuple(head["names"]),
        dates=np.array(head["dates"], dtype="datetime64[D]"),
        symbols=tuple(head["symbols"]),
        span=head["span"],
    )


def fold_files(result: FoldResult) -> dict[str, bytes]:
    """Predictions, the model's own bytes, and a JSON head with windows and scores."""
    head = {
        "fold": dataclasses.asdict(result.fold),
        "rows": list(result.rows),
        "scores": {name: dataclasses.asdict(score) for name, score in result.scores.items()},
        "importance": result.importance,
        "device": result.device,
        "note": result.note,
    }
    return {
        "predictions.npy": codec.array_bytes(result.predictions),
        "model.bin": result.model,
        "head.json": json.dumps(head).encode(),
    }


def fold_from(store: Store, artifact: Artifact) -> FoldResult:
    """Read back what `fold_files` gave."""
    head = store.read_json(artifact, "head.json")
    return FoldResult(
        fold=Fold(**head["fold"]),
        predictions=store.read_array(artifact, "predictions.npy"),
        rows=(head["rows"][0], head["rows"][1]),
        model=store.read_bytes(artifact, "model.bin"),
        scores={name: Score(**score) for name, score in head["scores"].items()},
        importance=head["importance"],
        device=head["device"],
        note=head["note"],
    )
