"""Sweeps and the ledger: which trials a sweep is, and what it tells the ledger of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.excess import over_universe, universe_returns
from tasks.backtest.metrics import TRADING_DAYS
from tasks.data import codehash, trialsets, vault

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.combinations import Combinations
    from tasks.backtest.config import CostConfig, Fill
    from tasks.backtest.trials import TrialTable
    from tasks.data.panel import Panel
    from tasks.data.store import Store

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]


def identities(
    sets: Combinations, *, data_family: str, costs: CostConfig, fill: Fill, universe: Any
) -> list[str]:
    """Identity of each parameter set as a trial, see `trialsets.trial_id`.

    Args:
        sets: K parameter sets of one strategy.
        data_family: name of the data's family.
        costs: what trades cost.
        fill: when and at which price.
        universe: rule that selects the stocks, a JSON value.
    """
    source = _source(sets)
    charged = {"costs": costs.model_dump(mode="json"), "fill": fill}
    identify = trialsets.identifier(
        family=data_family, strategy=source, costs=charged, universe=universe
    )
    return [identify(p) for p in parameters(sets)]


def _source(sets: Combinations) -> str:
    """What the strategy says: the user's file whole, one of ours by its edition."""
    if sets.file is not None:
        return f"{sets.strategy} {sets.file.sha256}"
    return f"{sets.family.name} {sets.family.edition}"


def parameters(sets: Combinations) -> list[dict[str, float]]:
    """Each parameter set by name."""
    return [dict(zip(sets.names, map(float, row), strict=True)) for row in sets.values]


def trial_set(
    table: TrialTable, frame: pd.DataFrame, excess: Array, ids: list[str]
) -> pd.DataFrame:
    """The sweep's trials for the ledger, scored over the universe.

    Args:
        table: the sweep.
        frame: its figures over the universe, see `excess.over_universe`.
        excess: its daily returns over the universe, (K, D).
        ids: from `identities`.
    """
    moments = {
        "days": frame["days"].to_numpy(),
        "sharpe": frame["sharpe"].to_numpy() / np.sqrt(TRADING_DAYS),
        "skew": frame["skew"].to_numpy(),
        "kurtosis": frame["kurtosis"].to_numpy(),
    }
    sets = table.combinations
    return trialsets.trial_set(
        ids, parameters(sets), strategy=sets.strategy, returns=excess, dates=table.dates,
        moments=moments,
    )  # fmt: skip


def before_vault(
    store: Store, data_family: str, panel: Panel, universe: Flags | None
) -> tuple[Panel, Flags | None]:
    """The part of a panel that selection may see: all of it where the family has no vault."""
    sealed = vault.current(store, data_family)
    stop = len(panel.dates) if sealed is None else sealed.stop(panel.dates)
    return panel.rows(slice(0, stop)), None if universe is None else universe[:stop]


def emit_sweep(
    store: Store,
    table: TrialTable,
    panel: Panel,
    universe: Flags | None,
    *,
    data_family: str,
    costs: CostConfig,
    fill: Fill,
) -> None:
    """Count a sweep that was run by hand, over the universe that it was given."""
    rule: Mapping[str, Any] = {
        "symbols": codehash.text_hash(json.dumps(sorted(table.symbols))),
        "flags": "all" if universe is None else "given",
    }
    sets = table.combinations
    ids = identities(sets, data_family=data_family, costs=costs, fill=fill, universe=rule)
    if not len(table.dates):  # accounts alone: tried, but never scored as one series
        bare = trialsets.trial_set(ids, parameters(sets), strategy=sets.strategy)
        trialsets.emit(store, bare, family=data_family)
        return
    columns = [panel.column(s) for s in table.symbols]
    stocks = panel.columns(columns).adjusted()
    flags = np.ones(stocks.shape, dtype=bool) if universe is None else universe[:, columns]
    market = universe_returns(stocks, flags)[len(panel.dates) - len(table.dates) :]
    frame, excess = over_universe(table, market)
    trialsets.emit(store, trial_set(table, frame, excess, ids), family=data_family)
