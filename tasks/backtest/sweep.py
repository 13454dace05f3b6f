"""Sweeps: every parameter set of a strategy over every stock, in blocks of both.

A parameter set on one stock is an account: the wish after the close of day t is filled on the
stock's next trading day, fees and slippage on every trade, marked at the close. A trial is a
parameter set over the whole universe: each day's return is the mean over the accounts of the
stocks that traded that day (a stock without a position counts as zero), so it is a portfolio with
equal shares in all accounts, evened out daily. Accounts have no size: the smallest commission and
lots play no part.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import serving
from tasks.arrays.benches import CPU, Bench
from tasks.arrays.devices import ASKED_CPU, Device, DeviceWish
from tasks.backtest import checks, counting
from tasks.backtest.blocks import PAIR_FIGURES, SweepBlock, accounts_only, finish, merge
from tasks.backtest.combinations import Combinations, combinations
from tasks.backtest.config import CostConfig, Fill
from tasks.backtest.costs import day_costs
from tasks.backtest.gpu import SWEEPS, score_stocks
from tasks.backtest.kernels.bits import packed
from tasks.backtest.metrics import DAILY, Conventions
from tasks.backtest.ranking import Rankings, rank_levels
from tasks.backtest.rule import rule_of
from tasks.backtest.scoring import Design, Scores, Terms, Traces
from tasks.backtest.stream import accounts_of, claim, store_pairs
from tasks.backtest.trials import TrialTable
from tasks.backtest.wishes import score_wishes
from tasks.data import trialsets
from tasks.errors import UserError
from tasks.market.rules import RuleBook
from tasks.market.rules_limits import limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.data.store import Store

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]


def sweep(
    panel: Panel,
    strategy: str,
    grid: Mapping[str, Sequence[float]] | Combinations,
    costs: CostConfig | None = None,
    *,
    fill: Fill = "next_open",
    universe: Flags | None = None,
    rules: RuleBook | None = None,
    pairs: bool = True,
    pairs_to: str | Path = "",
    daily: bool = True,
    trials_per_block: int = 500,
    symbols_per_block: int = 500,
    conventions: Conventions = DAILY,
    map: Callable[..., Iterable[SweepBlock]] = map,  # noqa: A002  # the project's name for fan-out
    ledger: Store | str | None = "",
    data_family: str = "",
    device: DeviceWish = "auto",
) -> TrialTable:
    """Score every sensible parameter set of a grid.

    All trials are scored over the same days: from the row on which the set with the longest
    memory could first hold anything. Every one of them is counted in the ledger, so that whatever
    is judged later knows how many were tried; and the days of the family's vault and after are
    left out, as they are in a night.

    Args:
        panel: bars; adjusted here if they are raw. Indices are left out.
        strategy: name of a family, see `tasks.backtest.strategies.registry`.
        grid: every parameter's name to its values, or parameter sets made before.
        costs: the settings' defaults if not given.
        fill: `next_open` or `next_close`.
        universe: bool (T, N of `panel`), whether a stock may be wanted after the day's close; all
            of them if not given.
        rules: with a rule book, no purchase is filled at the upper and no sale at the lower limit;
            needs raw prices.
        pairs: keep the figures of each (trial, stock).
        pairs_to: folder that gets these figures as Parquet, block by block, instead of the result;
            a new one, or one that the same sweep has written to.
        daily: add up the days of all stocks to trials. Without them the table has no figures and
            no returns of trials, only those of accounts, which are found much faster.
        trials_per_block: parameter sets in a block; never changes a number.
        symbols_per_block: stocks in a block; never changes a number.
        conventions: see `metrics.Conventions`.
        map: how blocks are computed: called as `map(function, panels, sets, universes, levels)`.
        ledger: store, or its place, that counts the trials and holds the vault; what
            `QILIN_LEDGER` names if not given (`home`, the nights' own, by default; or `none`). With
            None they are not counted, and all days are scored.
        data_family: what the trials looked at, as nights name it (`qilin ledger` lists them); the
            panel's family, or its source, if not given.
        device: `auto` takes the GPU of whoever computes a block, if there is one; `gpu` too, and
            says once in the log that it is missing; `cpu`. Trials are the same to the last bit,
            figures of accounts to rounding. The table says what computed and why.

    Raises:
        UserError: unknown strategy, parameters or fill, a universe of another shape or of other
            values than true and false, a price at or below zero, a history too short for the
            longest set, a folder with another sweep's accounts, or not a single set was scored.
    """
    sets = grid.distinct() if isinstance(grid, Combinations) else combinations(strategy, grid)
    checks.known_fill(fill)
    checks.whole_size("trials_per_block", trials_per_block)
    checks.whole_size("symbols_per_block", symbols_per_block)
    universe = checks.members(panel, universe)
    counted = trialsets.ledger_store(ledger)
    looked_at = data_family or panel.family or panel.source
    if counted is not None:
        panel, universe = counting.before_vault(counted, looked_at, panel, universe)
    first = first_row(panel, sets)
    stocks = [i for i, s in enumerate(panel.symbols) if s not in panel.benchmarks]
    inside = None if universe is None else universe[:, stocks]
    levels = rank_levels(panel.columns(stocks), sets, inside, first)
    width = symbols_per_block if sets.family.wishes is None else max(len(stocks), 1)
    columns = [stocks[i : i + width] for i in range(0, len(stocks), width)]
    cuts = [slice(i, i + trials_per_block) for i in range(0, len(sets), trials_per_block)]
    parts = [panel.columns(c) for c in columns]
    insides = [None if universe is None else universe[:, c] for c in columns]
    charged = costs or CostConfig()
    if pairs_to:
        law = None if rules is None else counting.book(rules)
        given = [charged.model_dump_json(), fill, law, daily, conventions, trials_per_block, width]
        claim(pairs_to, accounts_of(panel, sets, universe, given))
    score = functools.partial(
        _score, costs=charged, fill=fill, first=first, rules=rules, pairs=pairs or bool(pairs_to),
        daily=daily, folder=str(pairs_to), conventions=conventions, device=device,
    )  # fmt: skip
    blocks = map(
        score,
        [part for part in parts for _ in cuts],
        [sets[cut] for _ in parts for cut in cuts],
        [inside for inside in insides for _ in cuts],
        [levels[cut] for _ in parts for cut in cuts],
    )
    merged = merge(blocks)
    checks.require_a_score([merged.errors.get(int(n), "") for n in sets.numbers])
    if not daily:
        table = accounts_only(merged, conventions)
    else:
        table = finish(merged, charged, conventions)
    if counted is not None:
        counting.emit_sweep(
            counted, table, panel, universe, data_family=looked_at, costs=charged, fill=fill,
            rules=rules,
        )  # fmt: skip
    return table


def _score(
    *block: Any, folder: str, conventions: Conventions, device: DeviceWish, **settings: Any
) -> SweepBlock:
    """`sweep_block`, with the accounts' figures written to a folder if there is one."""
    scored = sweep_block(*block, device=serving.wished(device), **settings)
    return store_pairs(scored, folder, conventions) if folder else scored


def first_row(panel: Panel, sets: Combinations) -> int:
    """Row from which every set of a grid can hold a position; a short history is an error."""
    first = sets.lookback
    require_history(sets.strategy, first, len(panel.dates))
    return first


def require_history(strategy: str, first: int, days: int) -> None:
    """Refuse a history in which the longest set could hold a position for no two days."""
    if first + 2 > days:
        raise UserError(
            f"the longest set of {strategy} needs {first} sessions before its first trade and "
            f"the panel has {days}: shorten the windows or load more history"
        )


def sweep_block(
    panel: Panel,
    sets: Combinations,
    universe: Flags | None = None,
    levels: Rankings | None = None,
    *,
    costs: CostConfig,
    fill: Fill = "next_open",
    first: int = 0,
    rules: RuleBook | None = None,
    pairs: bool = True,
    daily: bool = True,
    design: Design = "events",
    device: Device = ASKED_CPU,
) -> SweepBlock:
    """Score some parameter sets over some stocks.

    Args:
        panel: the block's stocks on the whole calendar.
        sets: the block's parameter sets.
        universe: bool (T, N), see `sweep`.
        levels: of a ranking family, see `ranking.rank_levels`; others need none.
        costs: what trades cost.
        fill: `next_open` or `next_close`.
        first: first row on which a position may be held.
        rules: see `sweep`.
        pairs: keep the figures of each (set, stock).
        daily: add up the days of all stocks; without them only `pairs` are found, where the design
            allows it, in less than half of the time.
        design: `events` visits trades only, `streaming` every day; equal results.
        device: what computes; a GPU walks every day whatever the design, and leaves rules over all
            stocks at once to the CPU. The block says what it was and why.
    """

    def work(bench: Bench) -> SweepBlock:
        return sweep_on(
            bench, panel, sets, universe, levels, costs=costs, fill=fill, first=first, rules=rules,
            pairs=pairs, daily=daily, design=design,
        )  # fmt: skip

    if device.kind == "gpu" and sets.family.wishes is not None:
        device = serving.fell_back("a rule over all stocks at once is computed by the CPU")
    block, used = serving.on_device(work, device, SWEEPS)
    return dataclasses.replace(block, device=used)


def sweep_on(
    bench: Bench,
    panel: Panel,
    sets: Combinations,
    universe: Flags | None,
    levels: Rankings | None,
    *,
    costs: CostConfig,
    fill: Fill = "next_open",
    first: int = 0,
    rules: RuleBook | None = None,
    pairs: bool = True,
    daily: bool = True,
    design: Design = "events",
) -> SweepBlock:
    """Score some parameter sets over some stocks on a bench; see `sweep_block`."""
    checks.known_fill(fill)
    checks.positive_prices(panel)
    universe = checks.members(panel, universe)
    bars, kind = panel.adjusted(), sets.family
    fits = levels is not None and (len(levels), levels.days) == (len(sets), len(bars.dates))
    if kind.scores is not None and not fits:
        raise UserError(
            f"{kind.name} compares stocks with each other: give the levels of `rank_levels` for "
            f"these {len(sets)} parameter sets and {len(bars.dates)} dates"
        )
    rates = day_costs(costs, bars.dates)
    buyable, sellable = _fillable(panel, fill, rules)
    traded = ~np.isnan(bars["close"])
    member = np.ones_like(traded) if universe is None else universe
    terms = Terms(
        (rates.buy, rates.sell, rates.slippage), fill, buyable, sellable, first, design, pairs,
        daily or design == "streaming" or kind.weights is not None or kind.wishes is not None
        or bench is not CPU,
    )  # fmt: skip
    scores = Scores(bars, len(sets), terms)
    errors: dict[int, str] = {}
    if kind.wishes is not None:
        errors = score_wishes(scores, terms, bars, sets, member)
    elif bench is not CPU:
        score_stocks(bench, scores, terms, sets, member, levels)
    else:
        _score_stocks(scores, terms, sets, member, levels)
    return SweepBlock(
        combinations=sets,
        symbols=bars.symbols,
        dates=bars.dates,
        first=first,
        sums=scores.sums,
        buys=scores.buys,
        sells=scores.sells,
        breadth=np.sum(traded & member, axis=1, dtype=np.int64),
        days=np.sum(traded[first:], axis=0, dtype=np.int64),
        pairs=np.ascontiguousarray(scores.pairs.transpose(1, 0, 2))
        if pairs
        else np.empty((0, 0, len(PAIR_FIGURES))),
        errors=errors,
    )


def _score_stocks(
    scores: Scores, terms: Terms, sets: Combinations, member: Flags, levels: Rankings | None
) -> None:
    """Every set on every stock of a family whose rule looks at one stock at a time."""
    kind, cut = sets.family, slice(None)
    if kind.weights is not None:
        weigh, steps = kind.weights(sets.values), sets.column("step") / 100.0
    else:
        wishes = rule_of(sets, levels)
    run = Traces(scores, terms, len(member), cut, len(sets))
    always: Flags = np.asarray(member.all(axis=0))
    for stock in scores.stocks():
        inside = None if always[stock.number] else member[stock.rows, stock.number]
        if kind.weights is not None:
            weights = weigh(stock.bars)
            weights = weights if inside is None else weights * inside
            scores.partial(stock, weights, steps, cut)
            continue
        wanted = wishes(stock.bars, stock.rows)
        if inside is not None:
            wanted &= packed(inside)
        if terms.design == "streaming":
            scores.streaming(stock, wanted, cut)
        else:
            run.add(stock, wanted)
    run.flush()


def _fillable(panel: Panel, fill: Fill, rules: RuleBook | None) -> tuple[Flags, Flags]:
    """Cells in which a purchase and a sale can be filled, both bool (T, N)."""
    price = panel["open" if fill == "next_open" else "close"]
    known = np.isfinite(price) & (price > 0.0)
    if rules is None:
        return known, known
    if panel.adjustment == "adjusted":
        raise UserError(
            f"the prices of source {panel.source!r} are adjusted, and limits hold for raw ones: "
            "give the raw panel, or no rules"
        )
    up, down = limits(panel, rules)
    with np.errstate(invalid="ignore"):
        return known & ~(price >= up - 1e-6), known & ~(price <= down + 1e-6)
