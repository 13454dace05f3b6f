"""The sweep of a night, or a sweep of its own: blocks of a known space, or batches of a search.

Blocks are the same for every flow that sweeps the same sets, so that one finds what another did.
"""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import _lock, _names
from tasks import settings
from tasks._step import body_of
from tasks.backtest import archive, spaces
from tasks.backtest import steps as backtest
from tasks.backtest.blocks import before, finish, merge
from tasks.backtest.combinations import Combinations, family_of, random_combinations
from tasks.backtest.search import Search, batch_size
from tasks.backtest.spaces import Space
from tasks.data import codehash, keys, userfiles
from tasks.data.store import Artifact
from tasks.data.vault import first_sealed

if TYPE_CHECKING:
    from flows._board import Block, Board
    from flows._settings import Advanced
    from tasks.data.store import Store
    from tasks.data.userfiles import UserFile

Result = dict[str, Any]

#: most blocks of one stage: each costs a third of a second of orchestration
MAX_BLOCKS = 16
#: sets that a plan is measured with
PROBE_SETS = 64


class Sweeping:
    """Submits a sweep's blocks and gathers them.

    Attributes:
        space: what is tried; None for a search, which learns it as it goes.
        file: the user's file with the strategy; None for one of ours.
        first: row from which on positions may be held.
    """

    def __init__(self, advanced: Advanced) -> None:
        self.config, self._costs = advanced.sweep, advanced.costs
        path = self.config.strategy_file
        self.file: UserFile | None = userfiles.read(path, "strategy file") if path else None
        searches = self.config.search == "optuna"
        self.space: Space | None = None if searches else spaces.space(self.config, self.file)
        self.first = self.space.lookback if self.space else spaces.widest(self.config, self.file)
        self.strategy = family_of(self.config.strategy, self.file).name
        self._blocks: list[Block] = []
        self._search: Search | None = None
        self._locks = contextlib.ExitStack()

    def __len__(self) -> int:
        return self.config.samples if self.space is None else len(self.space)

    def probe(self, count: int = PROBE_SETS) -> Combinations:
        """Some of the sets, to measure with; for a search, sets from all over its range."""
        if self.space is not None:
            return self.space.spread(count)
        grid = self.config.grid(self.file)
        return random_combinations(self.config.strategy, grid, count, self.config.seed, self.file)

    def some(self, count: int) -> dict[str, Any]:
        """The same as a step takes them."""
        return spaces.explicit(self.strategy, self.probe(count).values, 0)

    def blocks(self) -> int:
        """Blocks that will be submitted, as far as it is known."""
        if self.space is None:
            return -(-len(self) // batch_size(self.config))
        return len(cut(len(self), self.config.trials_per_block))

    def start(self, board: Board, panel: Block, store: Store, sealed: str) -> None:
        """Submit all blocks, or the first batch of a search.

        Args:
            board: the night's.
            panel: the block that made the panel.
            store: where the panel is.
            sealed: first day of the vault; a search is told scores of the days before it alone.
        """
        self._board, self._panel, self._store, self._sealed = board, panel, store, sealed
        if self.space is not None:
            ranges = cut(len(self.space), self.config.trials_per_block)
            for i, (first, stop) in enumerate(ranges):
                self._submit(i, len(ranges), self.space.part(first, stop), first, stop)
            return
        name, journal = self._journal()
        self._locks.enter_context(_lock.held(name, "another run"))
        self._search = Search(self.config, self.file, journal)
        self._next_batch()

    def finish(self) -> list[Result] | None:
        """Wait for everything, batch after batch; None if a block failed."""
        with self._locks:
            found = self._board.collect(self._blocks)
            while found is not None and self._search is not None:
                merged = merge([self._block(found[-1])])
                seen = before(merged, first_sealed(merged.dates, self._sealed))
                table = finish(seen, self._costs)
                self._search.tell(len(found) - 1, table.frame["sharpe"].to_numpy())
                if not self._next_batch():
                    break
                found = self._board.collect(self._blocks)
            return found

    @property
    def submitted(self) -> tuple[Block, ...]:
        """Blocks so far, for those that wait for them."""
        return tuple(self._blocks)

    def arguments(self) -> dict[str, Any]:
        """What every block is told besides its sets."""
        return {
            "first": self.first,
            "sweep": {
                "fill": self.config.fill,
                "symbols_per_block": self.config.symbols_per_block,
            },
            "costs": self._costs.model_dump(),
            "file": self.file,
        }

    def _next_batch(self) -> bool:
        """Submit the next batch of a search; False if there is none."""
        assert self._search is not None
        number = len(self._blocks)
        values = self._search.batch(number)
        if not len(values):
            return False
        first = number * batch_size(self.config)
        part = spaces.explicit(self.strategy, values, first)
        self._submit(number, self.blocks(), part, first, first + len(values))
        return True

    def _submit(self, i: int, count: int, part: dict[str, Any], first: int, stop: int) -> None:
        label = _names.block("backtest", i, count, f"trials {first:04d}-{stop - 1:04d}")
        assert self._panel.result is not None
        self._blocks.append(
            self._board.submit(
                "backtest",
                backtest.sweep_block,
                label,
                after=[self._panel],
                panel=self._panel.result,
                sets=part,
                **self.arguments(),
            )
        )

    def _block(self, found: Result) -> Any:
        return archive.block_from(self._store, Artifact.from_json(found))

    def _journal(self) -> tuple[str, Path]:
        """Name of the search's lock, and its file: named by all that decides what it tries."""
        assert self._panel.result is not None
        names = {"search", "samples", "batch", "seed", "strategy"}
        given = {
            "panel": self._panel.result,
            "search": self.config.model_dump(include=names),
            "grid": self.config.grid(self.file),
            "sealed": self._sealed,
            **self.arguments(),
        }
        code = codehash.loaded_hash(body_of(backtest.sweep_block))
        key = keys.key("search", given, code=code, packages=("numpy", "optuna"))
        root = Path(self._store.root) if self._store.is_local else settings.local_home()
        return f"search-{key[:16]}", root / "searches" / f"{key}.journal"


def cut(count: int, size: int, most: int = MAX_BLOCKS) -> list[tuple[int, int]]:
    """Cut `count` things into even ranges of `size` at most, but not into more than `most`.

    Never by the number of workers: blocks are the same everywhere.
    """
    number = max(1, min(most, -(-count // size)))
    edges = [count * i // number for i in range(number + 1)]
    return list(itertools.pairwise(edges))
