"""Sweeps: every parameter set of a strategy over every stock, in blocks of both.

A parameter set on one stock is an account that is all in or all out: the wish after the close of
day t is filled on the stock's next trading day, fees and slippage on every trade, marked at the
close. A trial is a parameter set over the whole universe: each day's return is the mean of the
accounts of the stocks that traded that day (a stock without a position counts as zero), so it is
a portfolio with equal shares in all accounts, evened out daily.

Sums over stocks are carried as whole numbers of 10^-13, so no block size and no order of
completion can change a bit.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.backtest.combinations import Combinations, combinations
from tasks.backtest.config import CostConfig, Fill
from tasks.backtest.costs import DayCosts, day_costs
from tasks.backtest.kernels import accounts, outcomes
from tasks.backtest.metrics import DAILY, Conventions
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.strategies.registry import family
from tasks.backtest.trials import TrialTable, period_moments, trial_frame
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Design = Literal["events", "streaming"]
PAIR_FIGURES = ("growth", "sum", "squares", "worst", "trades")


@dataclasses.dataclass(frozen=True)
class SweepBlock:
    """Some parameter sets over some stocks; blocks merge in any order.

    Attributes:
        combinations: the parameter sets, K of them.
        symbols: the stocks, N of them.
        dates: all rows of the calendar, (T,).
        first: first row on which a position may be held; scores start there.
        sums: int64 (K, T), sum over the stocks of the day's net returns, in 10^-13.
        buys: int32 (K, T), purchases.
        sells: int32 (K, T), sales.
        breadth: int64 (T,), stocks that traded (and belonged to the universe).
        days: int64 (N,), trading days of each stock from row `first` on.
        pairs: float64 (K, N, 5), see `PAIR_FIGURES`; no rows if not asked for.
    """

    combinations: Combinations
    symbols: tuple[str, ...]
    dates: NDArray[np.datetime64]
    first: int
    sums: NDArray[np.int64]
    buys: NDArray[np.int32]
    sells: NDArray[np.int32]
    breadth: NDArray[np.int64]
    days: NDArray[np.int64]
    pairs: Array


def sweep(
    panel: Panel,
    strategy: str,
    grid: Mapping[str, Sequence[float]],
    costs: CostConfig | None = None,
    *,
    fill: Fill = "next_open",
    universe: Flags | None = None,
    pairs: bool = True,
    trials_per_block: int = 250,
    symbols_per_block: int = 500,
    conventions: Conventions = DAILY,
    map: Callable[..., Iterable[SweepBlock]] = map,  # noqa: A002  # the project's name for fan-out
) -> TrialTable:
    """Score every sensible parameter set of a grid.

    All trials are scored over the same days: from the row on which the set with the longest
    memory could first hold anything.

    Args:
        panel: bars; adjusted here if they are raw. Indices are left out.
        strategy: name of a family, see `tasks.backtest.strategies.registry`.
        grid: every parameter's name to its values.
        costs: the settings' defaults if not given.
        fill: `next_open` or `next_close`.
        universe: bool (T, N of `panel`), whether a stock may be wanted after the day's close; all
            of them if not given.
        pairs: keep the figures of each (trial, stock).
        trials_per_block: parameter sets in a block; never changes a number.
        symbols_per_block: stocks in a block; never changes a number.
        conventions: see `metrics.Conventions`.
        map: how blocks are computed: called as `map(function, panels, sets, universes)`.

    Raises:
        UserError: unknown strategy or parameters, or a history too short for the longest set.
    """
    sets = combinations(strategy, grid)
    _check_universe(panel, universe)
    work = [
        (columns, some)
        for columns in _symbol_blocks(panel, symbols_per_block)
        for some in sets.blocks(trials_per_block)
    ]
    score = functools.partial(
        sweep_block,
        costs=costs or CostConfig(), fill=fill, first=first_row(panel, sets), pairs=pairs,
    )  # fmt: skip
    parts = {columns[0]: panel.columns(columns) for columns, _ in work}
    blocks = map(
        score,
        [parts[columns[0]] for columns, _ in work],
        [some for _, some in work],
        [None if universe is None else universe[:, columns] for columns, _ in work],
    )
    return finish(merge(list(blocks)), costs or CostConfig(), conventions)


def first_row(panel: Panel, sets: Combinations) -> int:
    """Row from which every set of a grid can hold a position; a short history is an error."""
    first = sets.lookback
    if first + 2 > len(panel.dates):
        raise UserError(
            f"the longest set of {sets.strategy} needs {first} sessions before its first trade and "
            f"the panel has {len(panel.dates)}: shorten the windows or load more history"
        )
    return first


def sweep_block(
    panel: Panel,
    sets: Combinations,
    universe: Flags | None = None,
    *,
    costs: CostConfig,
    fill: Fill = "next_open",
    first: int = 0,
    pairs: bool = True,
    design: Design = "events",
) -> SweepBlock:
    """Score some parameter sets over some stocks.

    Args:
        panel: the block's stocks on the whole calendar.
        sets: the block's parameter sets.
        universe: bool (T, N), see `sweep`.
        costs: what trades cost.
        fill: `next_open` or `next_close`.
        first: first row on which a position may be held.
        pairs: keep the figures of each (set, stock).
        design: `events` visits trades only, `streaming` every day; equal results.
    """
    bars = panel.adjusted()
    rates = day_costs(costs, bars.dates)
    days, count = bars.shape
    sums = np.zeros((len(sets), days), dtype=np.int64)
    buys = np.zeros((len(sets), days), dtype=np.int32)
    sells = np.zeros((len(sets), days), dtype=np.int32)
    figures = np.full((count, len(sets), len(PAIR_FIGURES)), np.nan)
    stocks = {n: np.ascontiguousarray(bars[n].T) for n in ("open", "high", "low", "close")}
    traded = ~np.isnan(bars["close"])
    _check_universe(panel, universe)
    member = np.ones_like(traded) if universe is None else np.asarray(universe, dtype=bool)
    for n in range(count):
        rows = np.flatnonzero(traded[:, n])
        if len(rows) < 2:
            continue
        stock = StockBars(**{name: grid[n, rows] for name, grid in stocks.items()})
        wanted = family(sets.strategy).wanted(stock, sets.values)
        if universe is not None:
            wanted &= member[rows, n].astype(np.uint8)
        account = _Account(stock, rows, rates, fill, bars.symbols[n], bars.dates)
        run = accounts.events if design == "events" else accounts.streaming
        run(
            wanted, account.fillable, account.fillable, int(np.searchsorted(rows, first)),
            stock.close, account.growth, account.whole, rows, sums, buys, sells, figures[n],
        )  # fmt: skip
    return SweepBlock(
        combinations=sets,
        symbols=bars.symbols,
        dates=bars.dates,
        first=first,
        sums=sums,
        buys=buys,
        sells=sells,
        breadth=np.sum(traded & member, axis=1, dtype=np.int64),
        days=np.sum(traded[first:], axis=0, dtype=np.int64),
        pairs=np.ascontiguousarray(figures.transpose(1, 0, 2)) if pairs else np.empty((0, 0, 5)),
    )


class _Account:
    """Tables of one stock that every parameter set shares."""

    def __init__(
        self,
        stock: StockBars,
        rows: NDArray[np.int64],
        rates: DayCosts,
        fill: Fill,
        symbol: str,
        dates: NDArray[np.datetime64],
    ) -> None:
        price = stock.open if fill == "next_open" else stock.close
        self.fillable = np.isfinite(price) & (price > 0.0)
        self.growth = outcomes.day_outcomes(
            stock.close, price, rates.buy[rows], rates.sell[rows], rates.slippage
        )
        self.whole = np.zeros((3, len(dates)), dtype=np.int64)
        bad = outcomes.fixed_point(self.growth, rows, self.whole)
        if bad >= 0:
            raise UserError(
                f"{symbol} moves by more than {outcomes.LARGEST_RETURN:.0f} times on "
                f"{dates[rows[bad]]}: correct or quarantine the bar, or load adjusted prices"
            )


def merge(blocks: Iterable[SweepBlock]) -> SweepBlock:
    """Join blocks that tile a grid of parameter sets and stocks; the order does not matter.

    Raises:
        UserError: blocks overlap, are missing or belong to different sweeps.
    """
    ordered = sorted(blocks, key=lambda b: (int(b.combinations.numbers[0]), b.symbols))
    if not ordered:
        raise UserError("there is no block to merge: a sweep needs at least one stock and one set")
    rows: dict[int, list[SweepBlock]] = {}
    for block in ordered:
        rows.setdefault(int(block.combinations.numbers[0]), []).append(block)
    joined = [functools.reduce(_beside, row) for row in rows.values()]
    return functools.reduce(_below, joined)


def _beside(left: SweepBlock, right: SweepBlock) -> SweepBlock:
    """The same parameter sets over more stocks."""
    same = np.array_equal(left.combinations.numbers, right.combinations.numbers)
    if not same or left.first != right.first or set(left.symbols) & set(right.symbols):
        raise UserError(
            f"blocks of {left.symbols[0]} and {right.symbols[0]} overlap or belong to different "
            "sweeps: merge each block once, all of one sweep"
        )
    return dataclasses.replace(
        left,
        symbols=left.symbols + right.symbols,
        sums=left.sums + right.sums,
        buys=left.buys + right.buys,
        sells=left.sells + right.sells,
        breadth=left.breadth + right.breadth,
        days=np.concatenate([left.days, right.days]),
        pairs=np.concatenate([left.pairs, right.pairs], axis=1) if len(left.pairs) else left.pairs,
    )


def _below(upper: SweepBlock, lower: SweepBlock) -> SweepBlock:
    """More parameter sets over the same stocks."""
    numbers = np.concatenate([upper.combinations.numbers, lower.combinations.numbers])
    if upper.symbols != lower.symbols or not bool(np.all(np.diff(numbers) > 0)):
        raise UserError(
            f"blocks of sets {numbers[0]} and {lower.combinations.numbers[0]} do not tile the "
            "sweep: a block is missing or was merged twice"
        )
    values = np.concatenate([upper.combinations.values, lower.combinations.values])
    both = dataclasses.replace(upper.combinations, values=values, numbers=numbers)
    stacked: dict[str, Any] = {
        name: np.concatenate([getattr(upper, name), getattr(lower, name)])
        for name in ("sums", "buys", "sells", "pairs")
    }
    return dataclasses.replace(upper, combinations=both, **stacked)


def finish(merged: SweepBlock, costs: CostConfig, conventions: Conventions = DAILY) -> TrialTable:
    """Daily series and figures of every trial.

    Args:
        merged: all stocks of the universe.
        costs: those of the sweep, for turnover and break-even cost.
        conventions: see `metrics.Conventions`.
    """
    scored = slice(merged.first, len(merged.dates))
    breadth = merged.breadth[scored].astype(float)
    open_days = breadth > 0.0
    share = np.where(open_days, 1.0 / np.where(open_days, breadth, 1.0), np.nan)
    returns = merged.sums[:, scored] / outcomes.UNIT * share
    buys, sells = merged.buys[:, scored], merged.sells[:, scored]
    rates = day_costs(costs, merged.dates)
    paid = (
        buys * (rates.buy + rates.slippage)[scored] + sells * (rates.sell + rates.slippage)[scored]
    )
    known = np.nan_to_num(share, nan=0.0)
    trades = buys.sum(axis=-1, dtype=np.int64)
    frame = trial_frame(
        merged.combinations, returns, (buys + sells) * known, paid * known, trades, conventions
    )
    days, sums, squares = period_moments(returns)
    return TrialTable(
        frame, returns, merged.dates[scored], days, sums, squares,
        merged.combinations, merged.symbols, _pair_figures(merged, conventions),
    )  # fmt: skip


def _pair_figures(merged: SweepBlock, conventions: Conventions) -> dict[str, Array]:
    """Figures of each (trial, stock) from the accounts' sums; NaN where nothing varied."""
    if not len(merged.pairs):
        return {}
    growth, total, squares, worst, trades = np.moveaxis(merged.pairs, -1, 0)
    days = merged.days.astype(float)
    usable = days > conventions.ddof
    count = np.where(usable, days, np.nan)
    variance = (squares - total * total / count) / (count - conventions.ddof)
    varied = variance > 0.0
    deviation = np.sqrt(np.where(varied, variance, np.nan))
    excess = total / count - conventions.period_risk_free
    return {
        "total_return": growth - 1.0,
        "sharpe": excess / deviation * np.sqrt(conventions.annualisation),
        "max_drawdown": worst - 1.0,
        "trades": trades,
    }


def _check_universe(panel: Panel, universe: Flags | None) -> None:
    if universe is not None and np.shape(universe) != panel.shape:
        raise UserError(
            f"the universe has shape {np.shape(universe)}, the panel's grid is {panel.shape}: "
            "give one row per date and one column per symbol"
        )


def _symbol_blocks(panel: Panel, size: int) -> list[list[int]]:
    """Columns of consecutive stocks, without the indices."""
    stocks = [i for i, s in enumerate(panel.symbols) if s not in panel.benchmarks]
    return [stocks[i : i + size] for i in range(0, len(stocks), size)]
