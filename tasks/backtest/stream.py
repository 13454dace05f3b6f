"""Figures of every (trial, stock) as Parquet files, written block by block as a sweep runs.

A sweep of a thousand sets over five thousand stocks has five million accounts; kept in one piece
they would be the largest thing in memory. The files are a plain data set: any reader of Parquet
folders can query them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.blocks import SweepBlock, pair_figures
from tasks.backtest.checks import nothing_scored
from tasks.backtest.metrics import DAILY, Conventions
from tasks.data import codec
from tasks.data.panel import PRICE_FIELDS
from tasks.data.store import Artifact
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.combinations import Combinations
    from tasks.data.panel import Panel
    from tasks.data.store import Store

    Flags = NDArray[np.bool_]


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


def accounts_of(panel: Panel, sets: Combinations, universe: Flags | None, given: object) -> str:
    """Hash of all that decides what a sweep writes to a folder, and under which names.

    Args:
        panel: what it scores.
        sets: its parameter sets.
        universe: its flags, if any.
        given: whatever else decides.
    """
    digest = hashlib.sha256(repr((sets.strategy, sets.file, panel.symbols, given)).encode())
    flags = () if universe is None else (np.packbits(universe),)
    prices = (panel[name] for name in PRICE_FIELDS)
    for part in (sets.values, sets.numbers, panel.dates.astype(np.int64), *flags, *prices):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def claim(folder: str | Path, sweep: str) -> None:
    """Mark a folder as one sweep's, whatever it writes there.

    Args:
        folder: where its accounts go.
        sweep: from `accounts_of`.

    Raises:
        UserError: the folder holds the accounts of another sweep.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    mark = place / _MARK
    owner = mark.read_text(encoding="utf-8") if mark.exists() else ""
    if owner != sweep and any(place.glob("*.parquet")):
        raise UserError(
            f"the folder {place} holds the accounts of another sweep, and both would be read as "
            "one: name an empty folder in pairs_to, or remove it"
        )
    mark.write_text(sweep, encoding="utf-8")


def read_pairs(folder: str | Path) -> pd.DataFrame:
    """All accounts of a folder, by trial and symbol."""
    import pandas as pd

    parts = [codec.frame_from_bytes(p.read_bytes()) for p in sorted(Path(folder).glob("*.parquet"))]
    whole = pd.concat([p.astype({"symbol": "str"}) for p in parts], ignore_index=True)
    return whole.sort_values(["trial", "symbol"], ignore_index=True)


#: file that names whose accounts a folder holds; readers of Parquet folders leave it out
_MARK = ".sweep"
#: file of a part of a large sweep that names its blocks
BLOCKS = "blocks.json"
#: best trials of a large table that are kept beside it
BEST = 100


class Leaders:
    """What is remembered of a table that goes by: its best trials, and how far they scatter.

    Attributes:
        count: trials seen.
        scored: of them, those with a Sharpe ratio.
        best: the `BEST` trials with the highest net Sharpe ratio.
    """

    def __init__(self) -> None:
        import pandas as pd

        self.count, self.scored = 0, 0
        self._failed, self._reason = 0, ""
        self.best = pd.DataFrame()
        self._sum, self._squares = 0.0, 0.0

    def watch(self, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Hand frames on and remember the best of them."""
        for frame in frames:
            self._see(frame)
            yield frame

    def _see(self, frame: pd.DataFrame) -> None:
        import pandas as pd

        sharpe = frame["sharpe"].to_numpy()
        known = sharpe[np.isfinite(sharpe)]
        self.count += len(frame)
        failed = frame["error"].to_numpy() != ""
        self._failed += int(failed.sum())
        if failed.any() and not self._reason:
            self._reason = str(frame["error"][failed].iloc[0])
        self.scored += len(known)
        self._sum += float(known.sum())
        self._squares += float((known * known).sum())
        parts = [self.best, frame] if len(self.best) else [frame]
        both = pd.concat(parts, ignore_index=True)
        ordered = both.sort_values(["sharpe", "trial"], ascending=[False, True])
        self.best = ordered.head(BEST).reset_index(drop=True)

    def require_a_score(self) -> None:
        """Refuse a table of which not a single set could be scored.

        Raises:
            UserError: with the first set's reason.
        """
        if self.count and self._failed == self.count:
            raise UserError(nothing_scored(self.count, self._reason))

    @property
    def highest(self) -> float | None:
        """Highest net Sharpe ratio; None if none is known."""
        return float(self.best["sharpe"].iloc[0]) if self.scored else None

    @property
    def spread(self) -> float:
        """Standard deviation of the trials' Sharpe ratios."""
        mean = self._sum / max(self.scored, 1)
        return float(np.sqrt(max(self._squares / max(self.scored, 1) - mean * mean, 0.0)))


def figure_blocks(store: Store, parts: Iterable[Artifact]) -> list[Artifact]:
    """The blocks of figures of a large sweep's parts, by their numbers."""
    return [Artifact.from_json(value) for part in parts for value in store.read_json(part, BLOCKS)]


def in_groups(blocks: Sequence[Artifact], rows: int) -> list[list[Artifact]]:
    """Consecutive blocks in groups of at most so many rows, or of one block."""
    groups: list[list[Artifact]] = []
    size = 0
    for block in blocks:
        if not groups or size + block.rows > rows:
            groups.append([])
            size = 0
        groups[-1].append(block)
        size += block.rows
    return groups
