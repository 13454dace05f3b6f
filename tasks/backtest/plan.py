"""How long a sweep will take and how much memory it needs, from a probe on the data itself."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.blocks import finish
from tasks.backtest.combinations import Combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.ranking import rank_levels
from tasks.backtest.sweep import first_row, sweep_block

if TYPE_CHECKING:
    from tasks.data.panel import Panel

#: bytes of a trial and day in a block: sum (8), purchases and sales (4 each)
_CELL = 16
#: the same while a block's figures are found: the returns and what is computed from them
_FINISH_CELL = 96
#: bytes of a stock and day in a block: four prices, copied once, and flags
_STOCK_CELL = 2 * 4 * 8 + 4
#: bytes of a stock and day of a whole panel as it is read: some ten fields
_PANEL_CELL = 80
#: bytes of a process that has loaded what a sweep needs, before it has any data
_PROCESS_BYTES = 450 * 2**20


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a sweep will cost.

    Attributes:
        sets: parameter sets, each counted once, however often it is run.
        stocks: stocks.
        seconds: processor time of all blocks on one core like the one that ran the probe.
        block_bytes: memory of one block in work.
        base_bytes: memory of a process besides its blocks.
        result_bytes: memory of the merged daily series of the trials that keep them.
        blocks: number of blocks.
    """

    sets: int
    stocks: int
    seconds: float
    block_bytes: int
    base_bytes: int
    result_bytes: int
    blocks: int

    @property
    def accounts(self) -> int:
        """Parameter sets times stocks."""
        return self.sets * self.stocks

    def wall_seconds(self, workers: int) -> float:
        """Time on so many equal workers, each with one block at a time."""
        rounds = math.ceil(self.blocks / max(workers, 1))
        return self.seconds / max(self.blocks, 1) * rounds

    def memory_bytes(self, workers: int) -> int:
        """Most memory of one process whose threads are the workers."""
        return self.base_bytes + min(max(workers, 1), self.blocks) * self.block_bytes


def plan(
    panel: Panel,
    sets: Combinations,
    costs: CostConfig | None = None,
    *,
    total: int = 0,
    again: int = 0,
    series: bool = True,
    trials_per_block: int = 500,
    symbols_per_block: int = 500,
    probe_stocks: int = 4,
    probe_sets: int = 64,
) -> Plan:
    """Measure a few accounts and count the rest.

    The probe runs some stocks and sets, spread evenly, once to compile and then again, to separate
    what a stock costs by itself from what each of its accounts costs. Rules that look at all stocks
    at once are probed with all of them.

    Args:
        panel: bars of the whole universe, without indices.
        sets: the parameter sets, or some of them, spread evenly.
        costs: the settings' defaults if not given.
        total: number of sets that `sets` stand for; as many as they are if not given.
        again: number of sets that are run once more, in blocks of their own, for daily series.
        series: the daily series of all trials are kept in the end.
        trials_per_block: parameter sets in a block.
        symbols_per_block: stocks in a block.
        probe_stocks: stocks in the probe.
        probe_sets: parameter sets in the larger probe; the smaller one has a quarter of them.
    """
    days, stocks = panel.shape
    count = total or len(sets)
    first = first_row(panel, sets)
    whole = sets.family.shares_money or sets.family.wishes is not None
    probed = stocks if whole else min(probe_stocks, stocks)
    columns = np.unique(np.linspace(0, stocks - 1, probed).astype(int))
    some = panel.columns([int(c) for c in columns])
    few, many = (_spread(sets, n) for n in (max(probe_sets // 4, 1), probe_sets))
    charged = costs or CostConfig()

    def seconds(part: Combinations) -> float:
        levels = rank_levels(some, part, None, first)
        start = time.process_time()
        sweep_block(some, part, None, levels, costs=charged, first=first, pairs=False)
        return (time.process_time() - start) / len(columns)

    def finishing(part: Combinations) -> float:
        levels = rank_levels(some, part, None, first)
        block = sweep_block(some, part, None, levels, costs=charged, first=first, pairs=False)
        start = time.process_time()
        finish(block, charged)
        return (time.process_time() - start) / len(part)

    seconds(few)
    small, large = min(seconds(few) for _ in range(2)), min(seconds(many) for _ in range(2))
    each = max(large - small, 0.0) / max(len(many) - len(few), 1) or large / len(many)
    alone = max(large - each * len(many), 0.0)
    runs, kept = count + again, count if series else again
    cuts = math.ceil(count / trials_per_block) + math.ceil(again / trials_per_block)
    wide, deep = min(symbols_per_block, stocks), min(trials_per_block, count)
    width = stocks if whole else wide
    return Plan(
        sets=count,
        stocks=stocks,
        seconds=stocks * (alone * cuts + each * runs) + finishing(many) * runs,
        block_bytes=days * (deep * (_CELL + _FINISH_CELL) + width * _STOCK_CELL),
        base_bytes=_PROCESS_BYTES
        + days * stocks * _PANEL_CELL
        + 8 * count
        + days * kept * (_CELL + 16),
        result_bytes=days * kept * (_CELL + 8),
        blocks=cuts * math.ceil(stocks / symbols_per_block),
    )


def _spread(sets: Combinations, count: int) -> Combinations:
    """At most `count` sets, evenly from the whole grid."""
    chosen = np.unique(np.linspace(0, len(sets) - 1, min(count, len(sets))).astype(int))
    return dataclasses.replace(sets, values=sets.values[chosen], numbers=sets.numbers[chosen])
