"""Features of blocks and of all symbols meet again, without what must be left out."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data import codec
from tasks.data.store import Artifact, Store
from tasks.models.archive import ACROSS, blocks_from, facts_of


def put(store: Store, kind: str, symbols: list[str], names: list[str], values: Any) -> Artifact:
    head = {"names": names, "symbols": symbols, "sets": dict.fromkeys(names, kind)}
    files = {"features.npy": codec.array_bytes(values), "head.json": json.dumps(head).encode()}
    return store.put(kind, (kind + symbols[0]).encode().hex().ljust(64, "0")[:64], files)


def test_each_block_gets_its_part_of_what_was_computed_over_all_symbols(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    whole = np.arange(2 * 4 * 5, dtype=np.float32).reshape(2, 4, 5)
    first = put(store, "features", ["a", "b"], ["x"], whole[:1, :, :2])
    second = put(store, "features", ["c", "d", "e"], ["x"], whole[:1, :, 2:])
    across = put(store, ACROSS, list("abcde"), ["r", "peek"], whole)
    joined = blocks_from(store, [first, second, across], without=["peek"])
    assert [block.symbols for block in joined] == [("a", "b"), ("c", "d", "e")]
    assert [list(block.features) for block in joined] == [["x", "r"], ["x", "r"]]
    np.testing.assert_array_equal(joined[1].features["r"], whole[0][:, 2:])
    np.testing.assert_array_equal(joined[1].features["x"], whole[0][:, 2:])
    assert facts_of(store, [first, across], "sets") == {
        "x": "features",
        "r": ACROSS,
        "peek": ACROSS,
    }
    alone = blocks_from(store, [across])
    assert list(alone[0].features) == ["r", "peek"]
