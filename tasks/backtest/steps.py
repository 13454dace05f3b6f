"""Backtests as steps: blocks of a sweep, its trials judged, the portfolio of the model."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks._step import Context, Output, kept, step
from tasks.arrays.devices import choose_device
from tasks.backtest import archive
from tasks.backtest.blocks import SweepBlock, before, finish, merge
from tasks.backtest.checks import require_a_score
from tasks.backtest.combinations import Combinations
from tasks.backtest.config import CostConfig, Fill, PortfolioConfig
from tasks.backtest.counting import identities, trial_set
from tasks.backtest.excess import over_universe, universe_returns, with_excess
from tasks.backtest.portfolio import simulate
from tasks.backtest.ranking import Rankings, rank_levels
from tasks.backtest.spaces import sets_of, sub_parts
from tasks.backtest.stream import BLOCKS, Leaders, figure_blocks, in_groups
from tasks.backtest.summary import equity_frame, portfolio_figures
from tasks.backtest.sweep import require_history
from tasks.backtest.sweep import sweep_block as score_block
from tasks.backtest.targets import top_k_targets
from tasks.cluster.fanout import fan_out, narrowing, spending
from tasks.data import codec, trialsets, vault
from tasks.data.panel import Panel
from tasks.data.store import Artifact, Store
from tasks.data.userfiles import UserFile
from tasks.market.rules import a_share_rules
from tasks.market.symbols import is_mainland
from tasks.validation import judging
from tasks.validation import trials as honest
from tasks.validation.config import ValidationConfig

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.trials import TrialTable

PACKAGES = ("numpy", "numba", "pandas")
#: rows of one file of a table: a quarter of a million sets take some 30 MB
ROWS_PER_FILE = 250_000


@step("backtest", packages=("numpy", "numba"))
def sweep_block(
    ctx: Context,
    panel: Artifact,
    sets: dict[str, Any],
    first: int,
    sweep: dict[str, Any],
    costs: dict[str, Any],
    file: UserFile | None = None,
) -> Output:
    """The sets of a part (see `spaces`) over all stocks, in blocks of stocks.

    Positions are held from row `first` on, in every block of a sweep; `sweep` holds its `fill` and
    its `symbols_per_block`.
    """
    with spending() as spent:
        block = _score(ctx, panel, sets, first, sweep, costs, file, ctx.label)
    notes: dict[str, Any] = {"device": block.device.kind, "reason": block.device.reason}
    notes |= {"parts": spent.blocks, "part_seconds": round(spent.seconds, 3)}
    notes["fallbacks"] = int(block.device.fallback)
    return Output("sweep", archive.block_files(block), rows=len(block.combinations), notes=notes)


def _score(
    ctx: Context,
    panel: Artifact,
    sets: dict[str, Any],
    first: int,
    sweep: dict[str, Any],
    costs: dict[str, Any],
    file: UserFile | None,
    label: str = "",
) -> SweepBlock:
    """A part over all stocks; beside each other where there is a label, else one after another."""
    combinations, count = sets_of(sets, file), int(panel.notes["stocks"])
    levels = _levels(ctx.store, panel, combinations, first)

    def scored(width: int) -> SweepBlock:
        score = functools.partial(
            _score_stocks,
            root=ctx.store_root,
            panel=panel,
            sets=combinations,
            levels=levels,
            width=width,
            fill=sweep["fill"],
            first=first,
            costs=CostConfig.model_validate(costs),
            wish=ctx.device,
        )
        columns = range(0, count, width)
        return merge(fan_out(score, columns, label=label) if label else map(score, columns))

    if combinations.family.wishes is not None:  # such a rule looks at all stocks at once
        return scored(count)
    return narrowing(scored, int(sweep["symbols_per_block"]), begun=ctx.begun)


def _score_stocks(
    start: int,
    *,
    root: str,
    panel: Artifact,
    sets: Combinations,
    levels: Rankings | None,
    width: int,
    fill: Fill,
    first: int,
    costs: CostConfig,
    wish: str,
) -> SweepBlock:
    """One block of stocks, from column `start` on."""
    store = Store(root)
    columns = slice(start, min(start + width, int(panel.notes["stocks"])))
    block = store.read_panel(panel, columns)
    universe = store.read_array(panel, "universe.npy")[:, columns]
    return score_block(
        block, sets, universe, levels, costs=costs, fill=fill, first=first, pairs=False,
        device=choose_device(wish),
    )  # fmt: skip


def _levels(store: Store, panel: Artifact, sets: Combinations, first: int) -> Rankings | None:
    """What only the whole universe knows: the lowest chosen score of each ranking, if any."""
    if sets.family.scores is None:
        return None
    stocks = slice(0, int(panel.notes["stocks"]))
    universe = store.read_array(panel, "universe.npy")[:, stocks]
    return rank_levels(store.read_panel(panel, stocks), sets, universe, first)


@step("backtest", packages=PACKAGES)
def sweep_part(
    ctx: Context,
    panel: Artifact,
    sets: dict[str, Any],
    first: int,
    sweep: dict[str, Any],
    costs: dict[str, Any],
    file: UserFile | None = None,
    sealed: str = "",
) -> Output:
    """The figures of many sets, of which no daily series is kept, over the days before the vault.

    Of every `stride`-th set, by its number, the moments of the periods are kept, by which the
    whole is cross-validated. Every block of `trials_per_block` sets is an artifact of its own as
    soon as it is done, so that a part that is killed goes on with the next block.
    """
    score = functools.partial(
        _figures,
        ctx=ctx,
        panel=panel,
        first=first,
        sweep=sweep,
        costs=costs,
        file=file,
        sealed=sealed,
        market=_market(ctx.store, panel),
    )
    parts = sub_parts(sets, int(sweep["trials_per_block"]), file)
    blocks = fan_out(score, parts, label=ctx.label)
    index = json.dumps([block.to_json() for block in blocks]).encode()
    return Output("sweep figures", {BLOCKS: index}, rows=sum(b.rows for b in blocks))


def _figures(
    part: dict[str, Any],
    *,
    ctx: Context,
    panel: Artifact,
    first: int,
    sweep: dict[str, Any],
    costs: dict[str, Any],
    file: UserFile | None,
    sealed: str,
    market: NDArray[np.float64],
) -> Artifact:
    """The figures of one block, found or computed; `market` is the panel's, see `_market`."""
    given: dict[str, Any] = {
        "panel": panel, "sets": part, "first": first, "sweep": sweep, "costs": costs, "file": file,
    }  # fmt: skip

    def make() -> Output:
        scored = _score(ctx, **given)
        seen = before(scored, vault.first_sealed(scored.dates, sealed))
        table = finish(seen, CostConfig.model_validate(costs))
        frame = with_excess(table, market[len(seen.dates) - len(table.dates) : len(seen.dates)])
        kept_ones = table.combinations.numbers % int(sweep["stride"]) == 0
        moments = (table.period_days, table.period_sums, table.period_squares)
        files = {
            "trials.parquet": codec.frame_bytes(frame),
            "moments.npy": codec.array_bytes(np.stack([m[kept_ones] * 1.0 for m in moments])),
        }
        return Output("figures", files, rows=len(frame))

    return kept(ctx, _figures, {**given, "sealed": sealed}, make, packages=PACKAGES)


@step("backtest", packages=PACKAGES)
def sweep_table(ctx: Context, parts: list[Artifact]) -> Output:
    """The figures of all parts as a folder of Parquet files, written block by block, and the best.

    Files have at most `ROWS_PER_FILE` rows, so that reading one never takes much memory.
    `figures.json` says how far to trust the best: what as many sets without any skill would reach,
    and the probability of overfitting among the sets whose moments were kept. What needs daily
    series (SPA, StepM) is told of some sets by `sweep_recorded`.
    """
    blocks = figure_blocks(ctx.store, parts)
    leaders = Leaders()

    def write(path: str, group: list[Artifact]) -> None:
        frames = (ctx.store.read_frame(block, "trials.parquet") for block in group)
        codec.write_frames(leaders.watch(frames), path)

    files: dict[str, bytes | Callable[[str], None]] = {
        f"trials-{i:05d}.parquet": functools.partial(write, group=group)
        for i, group in enumerate(in_groups(blocks, ROWS_PER_FILE))
    }
    files["best.parquet"] = lambda path: codec.write_frames([leaders.best], path)
    moments = np.concatenate([ctx.store.read_array(b, "moments.npy") for b in blocks], axis=1)
    found = judging.cross_validated(*moments)
    files["figures.json"] = lambda path: _write_text(path, _told(leaders, found))
    return Output("sweep table", files, rows=sum(block.rows for block in blocks))


def _told(leaders: Leaders, found: dict[str, Any]) -> str:
    """The table's figures, written when all of it has gone by."""
    leaders.require_a_score()
    return json.dumps(judging.best_of_many(leaders) | found)


def _write_text(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


@step("backtest", packages=PACKAGES)
def trials(
    ctx: Context,
    panel: Artifact,
    blocks: list[Artifact],
    costs: dict[str, Any],
    validation: dict[str, Any],
    ledger: Artifact,
    tried: dict[str, Any],
    sealed: str,
) -> Output:
    """All trials of the sweep, and what of them survives honest testing against the universe.

    Args:
        ctx: see `Context`.
        panel: the night's.
        blocks: of the sweep.
        costs: settings.
        validation: settings.
        ledger: snapshot of what was tried before, without these trials.
        tried: `family`, `universe` and `fill` of the trials' identities.
        sealed: first day of the vault, empty without one; only days before it are scored.
    """
    charged = CostConfig.model_validate(costs)
    table, frame, excess = _over_market(ctx.store, panel, blocks, charged, sealed)
    require_a_score(list(table.frame["error"]))
    ids = identities(
        table.combinations, data_family=tried["family"], costs=charged, fill=tried["fill"],
        universe=tried["universe"],
    )  # fmt: skip
    own = trial_set(table, frame, excess, ids)
    past = trialsets.read_snapshot(ctx.store, ledger)
    rules = ValidationConfig.model_validate(validation)
    verdict = honest.survivors(
        _with_reasons(frame), excess, past=past, level=rules.level, method=rules.method
    )
    judged = judging.judged(verdict, table, own, past)
    files = archive.trial_files(table) | {
        "judged.parquet": codec.frame_bytes(verdict.table),
        "judged.json": json.dumps(judged, sort_keys=True).encode(),
        "set.parquet": codec.frame_bytes(own),
    }
    notes = {
        "trials": verdict.tried,
        "survive": verdict.counts["SURVIVES"],
        "total": verdict.total,
        "level": verdict.level,
    }
    return Output("trials", files, rows=verdict.tried, notes=notes)


@step("backtest", packages=PACKAGES)
def sweep_recorded(
    ctx: Context, panel: Artifact, recorded: list[Artifact], costs: dict[str, Any], sealed: str
) -> Output:
    """Whether any of a large sweep's recorded sets beats holding the universe: SPA and StepM.

    The recorded sets are chosen by their numbers alone, never by their scores: of the best of a
    million such a test would say nothing.
    """
    charged = CostConfig.model_validate(costs)
    _, frame, excess = _over_market(ctx.store, panel, recorded, charged, sealed)
    told = judging.superior_among(excess[(frame["error"] == "").to_numpy()])
    files = {"superior.json": json.dumps(told, sort_keys=True).encode()}
    return Output("sweep recorded", files, rows=len(frame))


def _over_market(
    store: Store, panel: Artifact, blocks: list[Artifact], costs: CostConfig, sealed: str
) -> tuple[TrialTable, pd.DataFrame, NDArray[np.float64]]:
    """Trials over the days before the vault; their figures and daily returns over the universe."""
    merged = merge(archive.block_from(store, part) for part in blocks)
    require_history(merged.combinations.strategy, merged.first, len(merged.dates))
    stop = vault.first_sealed(merged.dates, sealed)
    table = finish(before(merged, stop), costs)
    market = _market(store, panel)[stop - len(table.dates) : stop]
    return table, *over_universe(table, market)


def _market(store: Store, panel: Artifact) -> NDArray[np.float64]:
    """Daily return of holding the universe."""
    stocks = store.read_panel(panel, slice(0, int(panel.notes["stocks"]))).adjusted()
    return universe_returns(stocks, store.read_array(panel, "universe.npy"))


def _with_reasons(frame: pd.DataFrame) -> pd.DataFrame:
    """Sets that could not be scored are excluded for their reason."""
    return frame.rename(columns={"error": "excluded"})


@step("backtest", packages=PACKAGES)
def portfolio(
    ctx: Context,
    panel: Artifact,
    predictions: Artifact,
    portfolio: dict[str, Any],
    costs: dict[str, Any],
    sealed: str,
) -> Output:
    """What following the model's out-of-sample predictions would have earned, all rules on.

    It ends before `sealed`, the vault's first day, as the predictions do.
    """
    config, charged = PortfolioConfig.model_validate(portfolio), CostConfig.model_validate(costs)
    whole = ctx.store.read_panel(panel)
    scores = ctx.store.read_array(predictions, "predictions.npy")
    first = int(np.flatnonzero(np.isfinite(scores).any(axis=1))[0])
    whole = whole.rows(slice(first, vault.first_sealed(whole.dates, sealed)))
    stocks, scores = (
        whole.columns(range(int(panel.notes["stocks"]))),
        scores[first : first + len(whole.dates)],
    )
    targets = top_k_targets(scores, config)
    lawful = stocks.adjustment == "raw" and all(map(is_mainland, stocks.symbols))
    rules = a_share_rules() if lawful else None
    run = functools.partial(
        simulate, stocks, targets, rules, cash=config.cash, fill=config.fill,
        volume_cap=config.volume_cap,
    )  # fmt: skip
    net, gross = run(costs=charged), run(costs=CostConfig.free())
    index = _benchmark(whole)
    benchmark = whole["close"][:, whole.column(index)] if index else None
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


STEPS = (sweep_block, sweep_part, sweep_table, sweep_recorded, trials, portfolio)
