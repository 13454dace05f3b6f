"""Sweeps on a GPU: one thread for each parameter set on each stock, many stocks in one launch.

A GPU walks every day of every account (`accounts.streaming`, `partial`): it has a thread for each,
and the tables by which the CPU visits trades only are of no use to it. Trials are the CPU's to the
last bit, since their sums are whole numbers; figures of accounts are so to rounding. The tables of
averages and extremes that sets share are made on the CPU, one stock after the other, and travel
once; wishes, accounts and sums stay on the GPU until a block of stocks is done.

Stocks lie side by side, so that each has as many rows as the calendar: behind its last trading day
come days on which nothing can be traded and nothing changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import parity, serving
from tasks.arrays.benches import Bench, Each
from tasks.backtest.kernels import accounts
from tasks.backtest.kernels.bits import packed
from tasks.backtest.rule import rule_of
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.targets import signal_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.backtest.combinations import Combinations
    from tasks.backtest.ranking import Rankings
    from tasks.backtest.scoring import Scores, Stock, Terms
    from tasks.backtest.strategies.family import Family

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: bytes that the accounts of one launch may take on the GPU
ROOM = 2**32
#: bytes of a parameter set on a stock per day: its wish, less than one, and its part of three sums
_CELL = 1 + 8 + 4 + 4


def score_stocks(
    bench: Bench, scores: Scores, terms: Terms, sets: Combinations, member: Flags,
    levels: Rankings | None,
) -> None:  # fmt: skip
    """Every set on every stock, added to the scores; a family that looks at one stock at a time."""
    size = max(1, ROOM // (_CELL * len(sets) * (len(member) + 1)))
    stocks = scores.stocks()
    while some := list(itertools.islice(stocks, size)):
        padded = [_Padded(stock, scores, terms, member) for stock in some]
        if sets.family.weights is not None:
            _partial(bench, padded, scores, terms, sets)
        else:
            _whole(bench, padded, scores, sets, levels)


class _Padded:
    """One stock's days on as many rows as the calendar has."""

    def __init__(self, stock: Stock, scores: Scores, terms: Terms, member: Flags) -> None:
        days, held = len(member), len(stock.rows)
        self.stock, self.begin = stock, scores.begin(stock)
        buy, sell, _ = terms.fees
        self.rows = np.full(days, days, dtype=np.int64)  # a row behind the calendar's last one
        self.rows[:held] = stock.rows
        self.bars = StockBars(
            **{n: _longer(getattr(stock.bars, n), days) for n in ("open", "high", "low", "close")}
        )
        self.fill = _longer(stock.fill, days)
        self.buy, self.sell = _longer(buy[stock.rows], days), _longer(sell[stock.rows], days)
        self.growth = np.ones((3, days))
        self.growth[:, :held] = stock.growth
        self.whole = np.zeros((3, days + 1), dtype=np.int64)
        self.whole[:, :days] = stock.whole
        orders = (*stock.orders, member[stock.rows, stock.number])
        self.buyable, self.sellable, self.inside = (_rest(flags, days) for flags in orders)


def _longer(values: Array, days: int) -> Array:
    """The values with the last one repeated to the calendar's length."""
    return np.concatenate([values, np.full(days - len(values), values[-1])])


def _rest(flags: Flags, days: int) -> Flags:
    return np.concatenate([flags, np.zeros(days - len(flags), dtype=np.bool_)])


def _whole(
    bench: Bench, padded: list[_Padded], scores: Scores, sets: Combinations, levels: Rankings | None
) -> None:
    """Accounts that are all in or all out."""
    rule = rule_of(sets, levels, bench)
    wanted = [rule(one.bars, one.rows) & bench.enter(packed(one.inside)) for one in padded]
    given = [
        Each(bench.stack(wanted)),
        *(_each(bench, padded, name) for name in ("buyable", "sellable", "begin")),
        *(_each(bench, padded, name) for name in ("growth", "whole", "rows")),
    ]
    _run(bench, accounts.streaming, given, padded, scores, len(sets))


def _partial(
    bench: Bench, padded: list[_Padded], scores: Scores, terms: Terms, sets: Combinations
) -> None:
    """Accounts that are invested by fractions."""
    assert sets.family.weights is not None
    weigh = sets.family.weights(sets.values)
    weights = [weigh(p.bars) * p.inside for p in padded]
    fillable = np.stack([p.buyable & p.sellable for p in padded])
    close = np.stack([p.bars.close for p in padded])
    given = [
        Each(bench.enter(np.stack(weights))),
        bench.enter(sets.column("step") / 100.0),
        Each(bench.enter(fillable)),
        _each(bench, padded, "begin"),
        Each(bench.enter(close)),
        *(_each(bench, padded, name) for name in ("fill", "buy", "sell")),
        terms.fees[2],
        _each(bench, padded, "rows"),
    ]
    _run(bench, accounts.partial, given, padded, scores, len(sets))


def _run(
    bench: Bench, kernel: Any, given: list[Any], padded: list[_Padded], scores: Scores, sets: int
) -> None:
    """Run all accounts of some stocks, and add what they come to."""
    count, days = len(padded), len(padded[0].rows)
    sums = bench.zeros((count, sets, days + 1), np.int64)
    buys, sells = (bench.zeros((count, sets, days + 1), np.int32) for _ in range(2))
    figures = bench.empty((count, sets, scores.figures(padded[0].stock, slice(None)).shape[1]))
    bench.call(kernel, sets, *given, Each(sums), Each(buys), Each(sells), Each(figures))
    added = [(n, np.add.reduce(a, axis=0)) for n, a in enumerate((sums, buys, sells))]
    kept = (scores.sums, scores.buys, scores.sells)
    for n, total in bench.leave_each([*added, (len(kept), figures)]):
        if n < len(kept):
            kept[n][:] += total[:, :days].astype(kept[n].dtype)
            continue
        for one, found in zip(padded, total, strict=True):
            scores.figures(one.stock, slice(None))[:] = found


def _each(bench: Bench, padded: list[_Padded], name: str) -> Each:
    return Each(bench.enter(np.stack([getattr(one, name) for one in padded])))


def sweep_cases() -> Mapping[Any, list[parity.Case]]:
    """Calls of the kernels of all families that look at one stock at a time, and of `targets`."""
    from tasks.backtest.strategies.registry import FAMILIES

    recorder = parity.Recorder()
    for kind in FAMILIES.values():
        if kind.wishes is None:
            _record(recorder, kind)
    signal_weights(np.sign(parity.inputs()["close"] - 10.0), recorder)
    return recorder.cases


SWEEPS = serving.Group("sweeps", sweep_cases)


def _record(recorder: Bench, kind: Family) -> None:
    """A few small sets of a family on harsh bars."""
    from tasks.backtest.combinations import combinations
    from tasks.backtest.config import CostConfig
    from tasks.backtest.ranking import rank_levels
    from tasks.backtest.sweep import sweep_on
    from tasks.data.panel import Panel

    bars = {n: values[:, :4] for n, values in parity.inputs().items()}  # no jumps of many sizes
    rows, count = bars["close"].shape
    dates = np.busday_offset(np.datetime64("2024-01-02"), np.arange(rows), roll="forward")
    panel = Panel(dates, tuple(f"60000{i}.SH" for i in range(count)), bars, "adjusted")
    sets = combinations(kind.name, {p.name: _small(p.usual, p.lowest) for p in kind.parameters})
    levels = rank_levels(panel, sets, None, sets.lookback)
    sweep_on(recorder, panel, sets, None, levels, costs=CostConfig(), first=sets.lookback)


def _small(usual: tuple[float, ...], lowest: float) -> tuple[float, ...]:
    """Two values of a parameter that need no long history."""
    return tuple(sorted({max(lowest, min(v, 12 + 8 * n)) for n, v in enumerate(usual[:2])}))
