"""Our own strategies over a cluster: parameter sets scored by the sweep, in blocks."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cluster.counting import selectable
from tasks.cluster.outcomes import Outcome, run_all
from tasks.data import trialsets
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.backtest.combinations import Combinations
    from tasks.backtest.config import CostConfig
    from tasks.cluster.manager import DaskDistributedManager
    from tasks.data.panel import Panel
    from tasks.data.store import Store

#: sets that a worker scores together; never changes a number
TOGETHER = 250


def score_sets(
    manager: DaskDistributedManager,
    strategy: str,
    sets: Sequence[Mapping[str, Any]],
    data: Any,
    label: str,
    *,
    ledger: Store | None = None,
    data_family: str = "",
) -> list[Outcome]:
    """The figures of each parameter set (see `backtest.trials.TrialTable`), or why it has none.

    All sets are scored over the same days: those on which the longest could hold a position. With
    a ledger each is counted as the trial that `sweep` makes of it, and none sees the vault.

    Args:
        manager: of the cluster.
        strategy: name of a family, such as `ma_cross`.
        sets: parameters of each; one that is not whole or makes no sense is an error of its own.
        data: a panel, or prices (T, N) of any array kind, filled at the next price.
        label: what this is, for messages.
        ledger: store that counts the trials and holds the vault; None for none.
        data_family: what the trials look at; the panel's source if not given, `memory` for prices.
    """
    from tasks.backtest.combinations import Combinations
    from tasks.backtest.config import CostConfig
    from tasks.backtest.strategies.registry import family

    kind, faults = family(strategy), {}
    for i, one in enumerate(sets):
        if fault := _fault(strategy, one):
            faults[i] = fault
    # a set that is asked for twice is scored once, and is one trial
    numbers: dict[tuple[float, ...], int] = {}
    asked = {
        i: numbers.setdefault(tuple(float(one[n]) for n in kind.names), len(numbers))
        for i, one in enumerate(sets)
        if i not in faults
    }
    outcomes = [Outcome(error=faults.get(i)) for i in range(len(sets))]
    if not numbers:
        return outcomes
    data, looked_at = selectable(ledger, data, data_family)
    panel = _panel(data)
    charged = CostConfig() if panel is data else CostConfig(official_fees="fixed")
    every = Combinations(strategy, kind.names, np.array(list(numbers)), np.arange(len(numbers)))
    found = _score_all(manager, every, panel, charged, label, ledger, looked_at)
    for i, number in asked.items():
        outcomes[i] = found[number]
    return outcomes


def _score_all(
    manager: DaskDistributedManager,
    every: Combinations,
    panel: Panel,
    costs: CostConfig,
    label: str,
    ledger: Store | None,
    looked_at: str,
) -> list[Outcome]:
    """Figures of all sets, in blocks; the ledger is told of all of them, scored or not."""
    ids = _identities(every, panel, costs, looked_at) if ledger is not None else []
    score = functools.partial(_score, first=every.lookback, costs=costs)
    parts = [(part, ids[i * TOGETHER : (i + 1) * TOGETHER])
             for i, part in enumerate(every.blocks(TOGETHER))]  # fmt: skip
    found = run_all(manager, score, parts, label=label, shared=[panel])
    values = [outcome.value or ([None] * len(part), None)
              for (part, _), outcome in zip(parts, found, strict=True)]  # fmt: skip
    if ledger is not None:
        tried = [_unscored(*part) if counted is None else counted
                 for part, (_, counted) in zip(parts, values, strict=True)]  # fmt: skip
        trialsets.emit_by_hand(ledger, trialsets.ledger(tried), family=looked_at)
    return [
        Outcome(one, outcome.error)
        for (figures, _), outcome in zip(values, found, strict=True)
        for one in figures
    ]


def _unscored(part: Combinations, ids: list[str]) -> pd.DataFrame:
    """What was tried and is lost with its block."""
    from tasks.backtest.counting import parameters

    return trialsets.trial_set(ids, parameters(part), strategy=part.strategy)


def _identities(every: Combinations, panel: Panel, costs: CostConfig, looked_at: str) -> list[str]:
    """The same as of a sweep by hand over all stocks of the panel."""
    from tasks.backtest.counting import given_universe, identities

    stocks = panel.stocks()
    universe = given_universe(stocks, stocks.symbols, None)
    return identities(
        every, data_family=looked_at, costs=costs, fill="next_open", universe=universe
    )


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


def _score(
    part: Combinations, ids: list[str], panel: Panel, *, first: int, costs: CostConfig
) -> tuple[list[dict[str, Any]], pd.DataFrame | None]:
    """Figures of some sets, without what the table says already; their trial set if counted."""
    from tasks.backtest.blocks import finish
    from tasks.backtest.counting import scored_set
    from tasks.backtest.ranking import rank_levels
    from tasks.backtest.sweep import require_history, sweep_block

    stocks = panel.stocks()
    require_history(part.strategy, first, len(stocks.dates))
    levels = rank_levels(stocks, part, None, first)
    block = sweep_block(stocks, part, None, levels, costs=costs, first=first, pairs=False)
    table = finish(block, costs)
    frame = table.frame.drop(columns=["trial", "error", *part.names])
    rows = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    return rows, scored_set(table, stocks, None, ids) if ids else None


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
