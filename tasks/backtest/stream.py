"""Figures of every (trial, stock) as Parquet files, written block by block as a sweep runs.

A sweep of a thousand sets over five thousand stocks has five million accounts; kept in one piece
they would be the largest thing in memory. The files are a plain data set: any reader of Parquet
folders can query them.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.blocks import SweepBlock, pair_figures
from tasks.backtest.metrics import DAILY, Conventions
from tasks.data import codec

if TYPE_CHECKING:
    import pandas as pd


def pair_frame(block: SweepBlock, conventions: Conventions = DAILY) -> pd.DataFrame:
    """One row per (trial, stock) that traded: `trial`, parameters, `symbol` and the figures."""
    import pandas as pd

    sets, stocks = len(block.combinations), len(block.symbols)
    number = np.repeat(np.arange(sets), stocks)
    data: dict[str, object] = {"trial": block.combinations.numbers[number]}
    data |= {n: block.combinations.column(n)[number] for n in block.combinations.names}
    data["symbol"] = pd.Categorical.from_codes(
        np.tile(np.arange(stocks), sets).tolist(), categories=pd.Index(block.symbols)
    )
    figures = pair_figures(block, conventions)
    data |= {name: values.reshape(-1) for name, values in figures.items()}
    frame = pd.DataFrame(data)
    return frame[frame["trades"].notna()].astype({"trades": "int64"}).reset_index(drop=True)


def store_pairs(
    block: SweepBlock, folder: str | Path, conventions: Conventions = DAILY
) -> SweepBlock:
    """Write a block's accounts to the folder and give the block back without them.

    The file is named by the block's first set and first stock and replaced as a whole, so that a
    block that runs again leaves no trace of its first run.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    name = f"{int(block.combinations.numbers[0]):06d}-{block.symbols[0]}.parquet"
    part = place / f".{name}.{os.getpid()}"
    part.write_bytes(codec.frame_bytes(pair_frame(block, conventions)))
    part.replace(place / name)
    return dataclasses.replace(block, pairs=np.empty((0, 0, block.pairs.shape[-1])))


def read_pairs(folder: str | Path) -> pd.DataFrame:
    """All accounts of a folder, by trial and symbol."""
    import pandas as pd

    parts = [codec.frame_from_bytes(p.read_bytes()) for p in sorted(Path(folder).glob("*.parquet"))]
    whole = pd.concat([p.astype({"symbol": "str"}) for p in parts], ignore_index=True)
    return whole.sort_values(["trial", "symbol"], ignore_index=True)
