"""Backtests: what a rule would have earned, after every cost, and nothing it could not have known.

    config.py        settings of costs, sweeps and portfolios
    costs.py         rates of each day from settings and rule book
    strategies/      families of rules with parameters
    combinations.py  parameter sets of a family: grids and random searches
    spaces.py        what a sweep tries, cut into parts without listing it
    search.py        Optuna searches with a journal
    plan.py          how long a sweep will take, from a probe
    sweep.py         many parameter sets over many stocks
    rule.py          what the sets of a family want of one stock after the other
    scoring.py       accounts of one stock after the other, added up
    wishes.py        accounts of a rule that looks at all stocks at once
    ranking.py       what a block of stocks cannot know: the border of each ranking
    blocks.py        parts of a sweep, merged exactly whatever their order
    stream.py        figures of every account as Parquet, block by block
    trials.py        a parameter set over the whole universe: daily series and figures
    archive.py       blocks and trials as files of an artifact
    portfolio.py     target weights in, books that balance out, with the market's rules
    journal.py       what a portfolio did: curves, trades, refusals, bookings
    inputs.py        what a portfolio cannot be simulated from
    targets.py       from scores to target weights
    summary.py       what a portfolio comes to, for the report
    engine.py        the vectorised engine: prices and signals in, one dictionary out
    metrics.py       performance figures, one definition of each; `gains.py` the shape of gains and
                     falls, `relative.py` against a benchmark, `figures.py` all by name
    kernels/         the compiled loops

The function `sweep.sweep` is not handed on here: the package's `sweep` is the module.
Signals of day t are known after its close and filled at the next bar; every trade is charged.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.backtest.config import CostConfig, PortfolioConfig, SweepConfig
    from tasks.backtest.engine import GPUBacktestEngine
    from tasks.backtest.journal import Result
    from tasks.backtest.portfolio import simulate
    from tasks.backtest.targets import top_k_targets
    from tasks.backtest.trials import TrialTable

__all__ = [
    "CostConfig",
    "GPUBacktestEngine",
    "PortfolioConfig",
    "Result",
    "SweepConfig",
    "TrialTable",
    "simulate",
    "top_k_targets",
]

_HOMES = {
    "CostConfig": "config",
    "GPUBacktestEngine": "engine",
    "PortfolioConfig": "config",
    "Result": "journal",
    "SweepConfig": "config",
    "TrialTable": "trials",
    "simulate": "portfolio",
    "top_k_targets": "targets",
}


def __getattr__(name: str) -> Any:
    """Load a public name where it is defined, the first time it is used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
