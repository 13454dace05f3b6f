"""Our own strategies over a cluster: parameter sets scored by the sweep, in blocks."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cluster.outcomes import Outcome, run_all
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.backtest.combinations import Combinations
    from tasks.cluster.manager import DaskDistributedManager
    from tasks.data.panel import Panel

#: sets that a worker scores together; never changes a number
TOGETHER = 250


def score_sets(
    manager: DaskDistributedManager,
    strategy: str,
    sets: Sequence[Mapping[str, Any]],
    data: Any,
    label: str,
) -> list[Outcome]:
    """The figures of each parameter set (see `backtest.trials.TrialTable`), or why it has none.

    All sets are scored over the same days: those on which the longest could hold a position.

    Args:
        manager: of the cluster.
        strategy: name of a family, such as `ma_cross`.
        sets: parameters of each; one that is not whole or makes no sense is an error of its own.
        data: a panel, or prices (T, N) of any array kind, filled at the next price.
        label: what this is, for messages.
    """
    from tasks.backtest.combinations import Combinations
    from tasks.backtest.config import CostConfig
    from tasks.backtest.strategies.registry import family

    kind, faults = family(strategy), {}
    for i, one in enumerate(sets):
        if fault := _fault(strategy, one):
            faults[i] = fault
    good = [i for i in range(len(sets)) if i not in faults]
    outcomes = [Outcome(error=faults.get(i)) for i in range(len(sets))]
    if not good:
        return outcomes
    rows = np.array([[float(sets[i][n]) for n in kind.names] for i in good])
    every = Combinations(strategy, kind.names, rows, np.arange(len(rows)))
    panel = _panel(data)
    costs = CostConfig() if panel is data else CostConfig(official_fees="fixed")
    score = functools.partial(_score, first=every.lookback, costs=costs)
    parts = [(part,) for part in every.blocks(TOGETHER)]
    found = run_all(manager, score, parts, label=label, shared=[panel])
    for (part,), outcome in zip(parts, found, strict=True):
        values = outcome.value or [None] * len(part)
        for number, value in zip(part.numbers, values, strict=True):
            outcomes[good[int(number)]] = Outcome(value, outcome.error)
    return outcomes


def per_day(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with Sharpe ratios of a day, as the ledger keeps them."""
    from tasks.backtest.metrics import DAILY

    if "sharpe" not in table:
        return table
    return table.assign(sharpe=table["sharpe"] / np.sqrt(DAILY.annualisation))


def _fault(strategy: str, one: Mapping[str, Any]) -> str:
    """What is wrong with a set; empty if nothing is."""
    from tasks.backtest.combinations import combinations

    try:
        combinations(strategy, {name: (float(value),) for name, value in one.items()})
    except UserError as error:
        return str(error)
    except (TypeError, ValueError):
        return f"the parameters {dict(one)} of {strategy} are no numbers: give one for each"
    return ""


def _score(part: Combinations, panel: Panel, *, first: int, costs: Any) -> list[dict[str, Any]]:
    """Figures of some sets, without what the table says already."""
    from tasks.backtest.blocks import finish
    from tasks.backtest.ranking import rank_levels
    from tasks.backtest.sweep import require_history, sweep_block

    stocks = panel.stocks()
    require_history(part.strategy, first, len(stocks.dates))
    levels = rank_levels(stocks, part, None, first)
    block = sweep_block(stocks, part, None, levels, costs=costs, first=first, pairs=False)
    frame = finish(block, costs).frame.drop(columns=["trial", "error", *part.names])
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _panel(data: Any) -> Panel:
    """A panel as it is; prices of any kind as a panel of bars with that one price."""
    from tasks.arrays.kinds import to_numpy
    from tasks.data.panel import Panel

    if isinstance(data, Panel):
        return data
    prices = to_numpy(data, "prices")
    prices = np.ascontiguousarray(prices if prices.ndim == 2 else prices[:, None])
    bars = np.arange(len(prices)).astype("datetime64[D]")
    symbols = tuple(str(name) for name in getattr(data, "columns", range(prices.shape[1])))
    fields = dict.fromkeys(("open", "high", "low", "close"), prices)
    return Panel(bars, symbols, fields, "unadjusted", "prices")
