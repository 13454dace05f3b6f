"""Sweeps and the ledger: which trials a sweep is, and what it tells the ledger of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
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
    from tasks.market.rules import RuleBook

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]


#: figures of a large sweep's trials that the ledger keeps
COUNTED_FIGURES = ("days", "sharpe_over_universe")


def identities(
    sets: Combinations, *, data_family: str, costs: CostConfig, fill: Fill, universe: Any,
    rules: RuleBook | None = None,
) -> list[str]:  # fmt: skip
    """Identity of each parameter set as a trial, see `trialsets.trial_id`.

    Args:
        sets: K parameter sets of one strategy.
        data_family: name of the data's family.
        costs: what trades cost.
        fill: when and at which price.
        universe: rule that selects the stocks, a JSON value.
        rules: whose price limits stop fills, if any.
    """
    source = _source(sets)
    charged: dict[str, Any] = {"costs": costs.model_dump(mode="json"), "fill": fill}
    if rules is not None:
        charged["rules"] = book(rules)
    identify = trialsets.identifier(
        family=data_family, strategy=source, costs=charged, universe=universe
    )
    return [identify(p) for p in parameters(sets)]


def _source(sets: Combinations) -> str:
    """What the strategy says: the user's file whole, one of ours by its edition."""
    if sets.file is not None:
        return f"{sets.strategy} {sets.file.sha256}"
    return f"{sets.family.name} {sets.family.edition}"


def book(rules: RuleBook) -> str:
    """A rule book by its market and by what its rows say, whatever their sources."""
    rows = sorted(json.dumps(row._replace(source="")) for row in rules.rows)
    return f"{rules.name} {codehash.text_hash(json.dumps(rows))}"


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


def figures_set(sets: Combinations, frame: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    """Trials of a large sweep for the ledger, of which no daily series is kept.

    Args:
        sets: its parameter sets.
        frame: their figures, at least `COUNTED_FIGURES`.
        ids: from `identities`.
    """
    moments = {
        "days": frame["days"].to_numpy(),
        "sharpe": frame["sharpe_over_universe"].to_numpy() / np.sqrt(TRADING_DAYS),
    }
    return trialsets.trial_set(ids, parameters(sets), strategy=sets.strategy, moments=moments)


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
    rules: RuleBook | None = None,
) -> None:
    """Count a sweep that was run by hand, over the universe that it was given."""
    made = sweep_set(
        table, panel, universe, data_family=data_family, costs=costs, fill=fill, rules=rules
    )
    trialsets.emit_by_hand(store, made, family=data_family)


def sweep_set(
    table: TrialTable,
    panel: Panel,
    universe: Flags | None,
    *,
    data_family: str,
    costs: CostConfig,
    fill: Fill,
    rules: RuleBook | None = None,
) -> pd.DataFrame:
    """The trials of a sweep that was run by hand, as the ledger keeps them.

    Args:
        table: the sweep, or a block of its sets over all of its stocks.
        panel: what it was scored on.
        universe: the flags it was given, bool (T, N of `panel`); None for all stocks.
        data_family: name of the data's family.
        costs: what trades cost.
        fill: when and at which price.
        rules: whose price limits stopped fills, if any.
    """
    ids = identities(
        table.combinations, data_family=data_family, costs=costs, fill=fill, rules=rules,
        universe=given_universe(panel, table.symbols, universe),
    )  # fmt: skip
    return scored_set(table, panel, universe, ids)


def given_universe(panel: Panel, symbols: Iterable[str], universe: Flags | None) -> dict[str, Any]:
    """What says which stocks a sweep by hand was about, whatever their order in the panel.

    Args:
        panel: what it was scored on.
        symbols: its stocks.
        universe: see `sweep_set`.
    """
    names = sorted(symbols)
    flags = None if universe is None else universe[:, [panel.column(n) for n in names]]
    return {
        "symbols": codehash.text_hash(json.dumps(names)),
        "flags": _flags_hash(flags, panel.dates),
    }


def scored_set(
    table: TrialTable, panel: Panel, universe: Flags | None, ids: list[str]
) -> pd.DataFrame:
    """A sweep by hand as a trial set, scored over holding the stocks that it was given.

    Args:
        table: see `sweep_set`.
        panel: likewise.
        universe: likewise.
        ids: of its sets.
    """
    sets, names = table.combinations, sorted(table.symbols)
    if not len(table.dates):  # accounts alone: tried, but never scored as one series
        return trialsets.trial_set(ids, parameters(sets), strategy=sets.strategy)
    columns = [panel.column(name) for name in names]
    stocks = panel.columns(columns).adjusted()
    flags = np.ones(stocks.shape, dtype=bool) if universe is None else universe[:, columns]
    market = universe_returns(stocks, flags)
    frame, excess = over_universe(table, market[len(market) - len(table.dates) :])
    return trial_set(table, frame, excess, ids)


def _flags_hash(flags: Flags | None, dates: NDArray[np.datetime64]) -> str:
    """Which stocks were allowed on which days, their symbols known: `all`, or a hash."""
    if flags is None or flags.all():
        return "all"
    days = np.ascontiguousarray(dates, dtype="datetime64[D]").view(np.int64)
    return hashlib.sha256(days.tobytes() + np.packbits(flags, axis=0).tobytes()).hexdigest()
