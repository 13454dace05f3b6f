"""Blocks of a sweep: some parameter sets over some stocks, merged exactly, finished once.

Sums over stocks are whole numbers of 10^-13, so no block size and no order of completion can
change a bit of a trial.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.devices import ASKED_CPU, Device
from tasks.backtest.combinations import Combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.kernels import accounts, outcomes
from tasks.backtest.metrics import DAILY, Conventions
from tasks.backtest.trials import TrialTable, parameter_frame, period_moments, trial_frame
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: columns of `SweepBlock.pairs`
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
        buys: int32 (K, T), purchases in thousandths of an account.
        sells: int32 (K, T), sales likewise.
        breadth: int64 (T,), stocks that traded (and belonged to the universe).
        days: int64 (N,), trading days of each stock from row `first` on.
        pairs: float64 (K, N, 5), see `PAIR_FIGURES`; no rows if not asked for.
        errors: number of each parameter set that could not be scored, to the reason; it has no
            trades, and its figures are NaN in the end.
        device: what computed, and why; of several blocks one that fell back to the CPU.
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
    errors: Mapping[int, str] = dataclasses.field(default_factory=dict)
    device: Device = ASKED_CPU


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
        errors={**left.errors, **right.errors},
        device=max(left.device, right.device, key=lambda device: device.fallback),
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
    errors = {**upper.errors, **lower.errors}
    device = max(upper.device, lower.device, key=lambda device: device.fallback)
    return dataclasses.replace(upper, combinations=both, errors=errors, device=device, **stacked)


def before(merged: SweepBlock, stop: int) -> SweepBlock:
    """The same sweep as if its calendar ended before row `stop`; for daily series alone.

    Raises:
        UserError: nothing is left to score.
    """
    if stop >= len(merged.dates):
        return merged
    if stop < merged.first + 2:
        raise UserError(
            f"the vault begins on {merged.dates[stop]}, before the sweep has scored two days from "
            f"{merged.dates[merged.first]} on: shorten the windows, load more history, or move it "
            "with qilin vault set"
        )
    cut = {name: getattr(merged, name)[:, :stop] for name in ("sums", "buys", "sells")}
    return dataclasses.replace(
        merged, dates=merged.dates[:stop], breadth=merged.breadth[:stop], pairs=merged.pairs[:0],
        **cut,
    )  # fmt: skip


def finish(merged: SweepBlock, costs: CostConfig, conventions: Conventions = DAILY) -> TrialTable:
    """Daily series and figures of every trial.

    A day's return is the mean over the accounts that share the money: of the stocks that traded,
    or, in a ranking family, of the stocks held before or after the day's fills, whichever are more
    (what is sold at the open pays for what is bought).

    Args:
        merged: all stocks of the universe.
        costs: those of the sweep, for turnover and break-even cost.
        conventions: see `metrics.Conventions`.
    """
    scored = slice(merged.first, len(merged.dates))
    buys = merged.buys[:, scored] / accounts.WHOLE
    sells = merged.sells[:, scored] / accounts.WHOLE
    breadth = merged.breadth[scored].astype(float)
    share = np.where(breadth > 0.0, 1.0 / np.maximum(breadth, 1.0), np.nan)
    if merged.combinations.family.shares_money:
        after = np.cumsum(buys - sells, axis=1)
        sharing = np.maximum(np.maximum(after, after - buys + sells), 1.0)
        share = np.where(np.isnan(share), np.nan, 1.0 / sharing)
    returns = merged.sums[:, scored] / outcomes.UNIT * share
    reasons = _reasons(merged)
    failed = reasons != ""
    returns[failed] = np.nan
    rates = day_costs(costs, merged.dates)
    paid = buys * (rates.buy + rates.slippage)[scored]
    paid += sells * (rates.sell + rates.slippage)[scored]
    known = np.nan_to_num(share, nan=0.0)
    frame = trial_frame(
        merged.combinations, returns, (buys + sells) * known, paid * known, buys.sum(axis=-1),
        conventions, reasons,
    )  # fmt: skip
    days, sums, squares = period_moments(returns)
    return TrialTable(
        frame, returns, merged.dates[scored], days, sums, squares,
        merged.combinations, merged.symbols, pair_figures(merged, conventions), merged.device,
    )  # fmt: skip


def accounts_only(merged: SweepBlock, conventions: Conventions = DAILY) -> TrialTable:
    """The figures of each (trial, stock), where the days of all stocks were not added up."""
    sets = merged.combinations
    returns = np.empty((len(sets), 0))
    days, sums, squares = period_moments(returns)
    return TrialTable(
        parameter_frame(sets, _reasons(merged)), returns, merged.dates[:0], days, sums, squares,
        sets, merged.symbols, pair_figures(merged, conventions), merged.device,
    )  # fmt: skip


def _reasons(merged: SweepBlock) -> NDArray[np.object_]:
    """Why each set was not scored, (K,); empty where it was."""
    numbers = merged.combinations.numbers
    reasons = np.full(len(numbers), "", dtype=object)
    for number, reason in merged.errors.items():
        reasons[numbers == number] = reason
    return reasons


def pair_figures(merged: SweepBlock, conventions: Conventions = DAILY) -> dict[str, Array]:
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
