"""Backtests as steps: blocks of a sweep, its trials judged, the portfolio of the model."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks._step import Context, Output, step
from tasks.backtest import archive
from tasks.backtest.blocks import SweepBlock, finish, merge
from tasks.backtest.combinations import parameter_sets
from tasks.backtest.config import CostConfig, PortfolioConfig, SweepConfig
from tasks.backtest.excess import over_universe, universe_returns
from tasks.backtest.portfolio import simulate
from tasks.backtest.ranking import rank_levels
from tasks.backtest.strategies.registry import family
from tasks.backtest.summary import equity_frame, portfolio_figures
from tasks.backtest.sweep import first_row
from tasks.backtest.sweep import sweep_block as score_block
from tasks.backtest.targets import top_k_targets
from tasks.cluster.fanout import fan_out
from tasks.data import codec
from tasks.data.panel import Panel
from tasks.data.store import Artifact, Store
from tasks.market.rules import a_share_rules
from tasks.market.symbols import is_mainland
from tasks.validation import trials as honest

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGES = ("numpy", "numba", "pandas")


@step("backtest", packages=("numpy", "numba"))
def sweep_block(
    ctx: Context,
    panel: Artifact,
    first: int,
    stop: int,
    sweep: dict[str, Any],
    costs: dict[str, Any],
) -> Output:
    """Parameter sets from `first` to before `stop` over all stocks, in blocks of stocks."""
    config = SweepConfig.model_validate(sweep)
    count = int(panel.notes["stocks"])
    score = functools.partial(
        _score_stocks,
        root=ctx.store_root,
        panel=panel,
        sets=(first, stop),
        levels=_levels(ctx.store, panel, config, slice(first, stop)),
        config=config,
        costs=CostConfig.model_validate(costs),
    )
    parts = fan_out(score, range(0, count, config.symbols_per_block), label=ctx.label)
    return Output("sweep", archive.block_files(merge(parts)), rows=stop - first)


def _score_stocks(
    first: int,
    *,
    root: str,
    panel: Artifact,
    sets: tuple[int, int],
    levels: NDArray[np.float64] | None,
    config: SweepConfig,
    costs: CostConfig,
) -> SweepBlock:
    """One block of stocks, from column `first` on."""
    store = Store(root)
    columns = slice(first, min(first + config.symbols_per_block, int(panel.notes["stocks"])))
    every = parameter_sets(config)
    block = store.read_panel(panel, columns)
    return score_block(
        block,
        every[slice(*sets)],
        store.read_array(panel, "universe.npy")[:, columns],
        levels,
        costs=costs,
        fill=config.fill,
        first=first_row(block, every),
        pairs=False,
    )


def _levels(
    store: Store, panel: Artifact, config: SweepConfig, sets: slice
) -> NDArray[np.float64] | None:
    """What only the whole universe knows: the lowest chosen score of each ranking, if any."""
    if family(config.strategy).scores is None:
        return None
    stocks = slice(0, int(panel.notes["stocks"]))
    every, whole = parameter_sets(config), store.read_panel(panel, stocks)
    universe = store.read_array(panel, "universe.npy")[:, stocks]
    return rank_levels(whole, every[sets], universe, first_row(whole, every))


@step("backtest", packages=PACKAGES)
def trials(
    ctx: Context,
    panel: Artifact,
    blocks: list[Artifact],
    sweep: dict[str, Any],
    costs: dict[str, Any],
) -> Output:
    """All trials of the sweep, and what of them survives honest testing against the universe."""
    config, charged = SweepConfig.model_validate(sweep), CostConfig.model_validate(costs)
    table = finish(merge(archive.block_from(ctx.store, part) for part in blocks), charged)
    stocks = ctx.store.read_panel(panel, slice(0, int(panel.notes["stocks"]))).adjusted()
    market = universe_returns(stocks, ctx.store.read_array(panel, "universe.npy"))
    scored = market[len(market) - len(table.dates) :]
    verdict = honest.survivors(*over_universe(table, scored))
    judged = {
        "counts": verdict.counts,
        "tried": verdict.tried,
        "level": verdict.level,
        "best": verdict.best,
        "best_of_noise": verdict.best_of_noise,
        "effective": verdict.effective,
        "rule": verdict.rule,
        "strategy": config.strategy,
        "parameters": list(table.combinations.names),
        "period": [str(table.dates[0]), str(table.dates[-1])],
        "noise": None if verdict.noise is None else _plain(verdict.noise),
    }
    files = archive.trial_files(table) | {
        "judged.parquet": codec.frame_bytes(verdict.table),
        "judged.json": json.dumps(judged, sort_keys=True).encode(),
    }
    notes = {"trials": verdict.tried, "survive": verdict.counts["SURVIVES"]}
    return Output("trials", files, rows=verdict.tried, notes=notes)


@step("backtest", packages=PACKAGES)
def portfolio(
    ctx: Context,
    panel: Artifact,
    predictions: Artifact,
    portfolio: dict[str, Any],
    costs: dict[str, Any],
) -> Output:
    """What following the model's out-of-sample predictions would have earned, all rules on."""
    config, charged = PortfolioConfig.model_validate(portfolio), CostConfig.model_validate(costs)
    whole = ctx.store.read_panel(panel)
    stocks = whole.columns(range(int(panel.notes["stocks"])))
    scores = ctx.store.read_array(predictions, "predictions.npy")
    first = int(np.flatnonzero(np.isfinite(scores).any(axis=1))[0])
    stocks, scores = stocks.rows(slice(first, None)), scores[first:]
    targets = top_k_targets(scores, config)
    lawful = stocks.adjustment == "raw" and all(map(is_mainland, stocks.symbols))
    rules = a_share_rules() if lawful else None
    run = functools.partial(
        simulate, stocks, targets, rules, cash=config.cash, fill=config.fill,
        volume_cap=config.volume_cap,
    )  # fmt: skip
    net, gross = run(costs=charged), run(costs=CostConfig.free())
    index = _benchmark(whole)
    benchmark = whole["close"][first:, whole.column(index)] if index else None
    figures = portfolio_figures(net, gross, panel.notes["adjustment"], lawful)
    figures["benchmark"] = index
    files = {
        "equity.parquet": codec.frame_bytes(equity_frame(net, gross, benchmark)),
        "trades.parquet": codec.frame_bytes(net.trades),
        "refusals.parquet": codec.frame_bytes(net.refusals),
        "actions.parquet": codec.frame_bytes(net.actions),
        "figures.json": json.dumps(figures, sort_keys=True).encode(),
    }
    notes = {"trades": len(net.trades), "refused": len(net.refusals)}
    return Output("portfolio", files, rows=len(stocks.dates), notes=notes)


def _benchmark(panel: Panel) -> str:
    """The index that portfolios are shown beside: CSI 300 where it is there, else the first."""
    if "000300.SH" in panel.benchmarks:
        return "000300.SH"
    return panel.benchmarks[0] if panel.benchmarks else ""


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass of numbers and arrays as JSON values."""
    return {
        k: v.tolist() if hasattr(v, "tolist") else v for k, v in dataclasses.asdict(value).items()
    }


STEPS = (sweep_block, trials, portfolio)
