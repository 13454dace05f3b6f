"""How long a sweep will take and how much memory it needs, from a probe on the data itself."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.combinations import Combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.ranking import rank_levels
from tasks.backtest.sweep import first_row, sweep_block

if TYPE_CHECKING:
    from tasks.data.panel import Panel

#: bytes of a trial and day: sum (8), purchases and sales (4 each)
_CELL = 16
#: bytes of a stock and day in a block: four prices, copied once, and flags
_STOCK_CELL = 2 * 4 * 8 + 4


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a sweep will cost.

    Attributes:
        accounts: parameter sets times stocks.
        seconds: processor time of all blocks on one core like the one that ran the probe.
        block_bytes: memory of one block in work.
        result_bytes: memory of the merged result.
        blocks: number of blocks.
    """

    accounts: int
    seconds: float
    block_bytes: int
    result_bytes: int
    blocks: int

    def wall_seconds(self, workers: int) -> float:
        """Time on so many equal workers, each with one block at a time."""
        rounds = math.ceil(self.blocks / max(workers, 1))
        return self.seconds / max(self.blocks, 1) * rounds


def plan(
    panel: Panel,
    sets: Combinations,
    costs: CostConfig | None = None,
    *,
    trials_per_block: int = 250,
    symbols_per_block: int = 500,
    probe_stocks: int = 4,
    probe_sets: int = 64,
) -> Plan:
    """Measure a few accounts and count the rest.

    The probe runs some stocks and sets, spread evenly, once to compile and twice to separate what
    a stock costs by itself from what each of its accounts costs.

    Args:
        panel: bars of the whole universe, without indices.
        sets: the parameter sets.
        costs: the settings' defaults if not given.
        trials_per_block: parameter sets in a block.
        symbols_per_block: stocks in a block.
        probe_stocks: stocks in the probe.
        probe_sets: parameter sets in the larger probe; the smaller one has a quarter of them.
    """
    days, stocks = panel.shape
    first = first_row(panel, sets)
    columns = np.unique(np.linspace(0, stocks - 1, min(probe_stocks, stocks)).astype(int))
    some = panel.columns([int(c) for c in columns])
    few, many = (_spread(sets, n) for n in (max(probe_sets // 4, 1), probe_sets))
    charged = costs or CostConfig()

    def seconds(part: Combinations) -> float:
        levels = rank_levels(some, part, None, first)
        start = time.process_time()
        sweep_block(some, part, None, levels, costs=charged, first=first, pairs=False)
        return (time.process_time() - start) / len(columns)

    seconds(few)
    small, large = min(seconds(few) for _ in range(3)), min(seconds(many) for _ in range(3))
    each = max(large - small, 0.0) / max(len(many) - len(few), 1) or large / len(many)
    alone = max(large - each * len(many), 0.0)
    cuts = math.ceil(len(sets) / trials_per_block)
    wide, deep = min(symbols_per_block, stocks), min(trials_per_block, len(sets))
    return Plan(
        accounts=len(sets) * stocks,
        seconds=stocks * (alone * cuts + each * len(sets)),
        block_bytes=days * (deep * _CELL + wide * _STOCK_CELL + deep),
        result_bytes=days * len(sets) * (_CELL + 8),
        blocks=cuts * math.ceil(stocks / symbols_per_block),
    )


def _spread(sets: Combinations, count: int) -> Combinations:
    """At most `count` sets, evenly from the whole grid."""
    chosen = np.unique(np.linspace(0, len(sets) - 1, min(count, len(sets))).astype(int))
    return dataclasses.replace(sets, values=sets.values[chosen], numbers=sets.numbers[chosen])
