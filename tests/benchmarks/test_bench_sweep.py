"""Sweeps against vectorbt and a loop over pandas: equal returns, then CPU seconds in turn.

The peer is given its best case: all parameter sets of a stock as ready columns of one call, and
only the total return asked for; but for crossings, its signals are made beforehand and cost it
nothing. Ours makes its signals and finds, besides, Sharpe ratio, drawdown and trades of every (set,
stock), or the exact daily sums of all stocks that a night needs. `QILIN_BENCH=full` takes the
sizes that the README quotes; vectorbt comes from `make peers`.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.combinations import Combinations, combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.kernels.bits import unpacked
from tasks.backtest.ranking import rank_levels
from tasks.backtest.rule import rule_of
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.sweep import sweep_block
from tasks.data.panel import Panel

pytestmark = pytest.mark.slow

FULL = os.environ.get("QILIN_BENCH") == "full"
ROUNDS = 5
DAYS = 2430
STOCKS = 40 if FULL else 8
COSTS = CostConfig(
    commission_rate=0.001, official_fees="fixed", stamp_duty=0.0, transfer_fee=0.0, slippage_bp=5.0
)
PEER = Path(__file__).parent.parent / "peers" / "vectorbt_sweep.py"
#: about 300 sets each
GRIDS = {
    "ma_cross": {"fast": range(5, 65, 4), "slow": range(20, 240, 10)},
    "macd": {"fast": range(4, 24, 3), "slow": range(26, 80, 8), "signal": range(5, 17, 2)},
    "breakout": {"enter": range(20, 140, 6), "leave": range(3, 20)},
    "rsi_reversal": {
        "window": range(4, 24, 3), "enter": range(10, 40, 5), "leave": range(50, 90, 5),
    },
    "bollinger": {
        "window": range(10, 80, 10), "width": (1.0, 1.5, 2.0, 2.5, 2.8, 3.0),
        "leave": (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
    },
    "momentum": {
        "lookback": range(20, 140, 20), "skip": (0, 5), "top": (20, 30, 50),
        "every": range(5, 45, 5),
    },
    "reversal": {
        "lookback": range(2, 14, 2), "skip": (0, 1), "top": (20, 30, 50),
        "every": range(3, 27, 3),
    },
}  # fmt: skip
#: about 300 sets of the family that no peer's signals can say
TARGETS = {"window": range(10, 80, 10), "target": range(5, 40, 5), "step": range(2, 14, 2)}


def market(count: int, days: int = DAYS, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0.0002, 0.02, (days, count)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.008, close.shape))
    dates = np.busday_offset(np.datetime64("2015-01-05"), np.arange(days), roll="forward")
    symbols = tuple(f"{600000 + i}.SH" for i in range(count))
    fields = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close)}
    return Panel(dates, symbols, {**fields, "close": close})


class Peer:
    """vectorbt in its own environment, waiting to be timed."""

    def __init__(self, python: Path, panel: Panel, sets: Combinations, folder: Path) -> None:
        self.source = folder / f"{sets.strategy}.npz"
        given = {"open": panel["open"], "close": panel["close"], "sets": sets.values}
        if sets.strategy != "ma_cross":
            levels = rank_levels(panel, sets)
            wanted = rule_of(sets, levels)(first_stock(panel), np.arange(DAYS))
            given["wanted"] = unpacked(wanted, DAYS).T
        np.savez(self.source, slippage=0.0005, **given)
        self.process = subprocess.Popen(
            [python, PEER, self.source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def returns(self) -> np.ndarray:
        return np.load(f"{self.source}.npy")

    def seconds(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def first_stock(panel: Panel) -> StockBars:
    names = ("open", "high", "low", "close")
    return StockBars(*(np.ascontiguousarray(panel[n][:, 0]) for n in names))


def pandas_loop(bars: pd.DataFrame, wishes: pd.Series, step: float) -> float:
    """The ancestor's way: a day at a time, values looked up in frames; what 1 grows to."""
    price, fee = (1.0 + 0.0005) * (1.0 + 0.001), (1.0 - 0.0005) * (1.0 - 0.001)
    cash, stock = 1.0, 0.0
    for day in range(1, len(bars)):
        stock *= bars["open"].iloc[day] / bars["close"].iloc[day - 1]
        value, wish = cash + stock, wishes.iloc[day - 1]
        gap = wish * value - stock
        if gap > step * value:
            amount = min(gap, cash / price)
            cash, stock = cash - amount * price, stock + amount
        elif (wish == 0.0 and stock > 0.0) or -gap > step * value:
            amount = stock if wish == 0.0 else -gap
            cash, stock = cash + amount * fee, stock - amount
        stock *= bars["close"].iloc[day] / bars["open"].iloc[day]
    return cash + stock


def cpu(work) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def test_every_family_against_vectorbt(peers_python, tmp_path):
    panel = market(STOCKS)
    print(f"\n{DAYS} days, {STOCKS} stocks, microseconds of CPU for a set on a stock")
    print(f"{'':14}{'sets':>6}{'accounts':>10}{'night':>8}{'vectorbt':>10}{'ratios':>16}")
    for name, grid in GRIDS.items():
        sets = combinations(name, grid)
        ways = {"accounts": {"daily": False}, "night": {"pairs": False}}

        def ours(way: str, sets=sets, ways=ways):
            levels = rank_levels(panel, sets)
            return sweep_block(panel, sets, None, levels, costs=COSTS, **ways[way])

        peer = Peer(peers_python, panel, sets, tmp_path)
        mine = ours("accounts").pairs[:, 0, 0] - 1.0
        np.testing.assert_allclose(mine, peer.returns(), rtol=1e-11, atol=1e-11)
        streamed = sweep_block(
            panel, sets, None, rank_levels(panel, sets), costs=COSTS, pairs=False,
            design="streaming",
        )  # fmt: skip
        np.testing.assert_array_equal(ours("night").sums, streamed.sums)
        times: dict[str, list[float]] = {"accounts": [], "night": [], "vectorbt": []}
        for _ in range(ROUNDS):
            times["vectorbt"].append(peer.seconds() / len(sets))  # its columns are of one stock
            for way in ways:
                times[way].append(cpu(lambda way=way: ours(way)) / len(sets) / STOCKS)
        peer.close()
        took = {k: statistics.median(v) * 1e6 for k, v in times.items()}
        ratios = [f"{took['vectorbt'] / took[way]:.0f}x" for way in ways]
        print(
            f"{name:14}{len(sets):6}{took['accounts']:10.2f}{took['night']:8.2f}"
            f"{took['vectorbt']:10.0f}{' / '.join(ratios):>16}"
        )


def test_moving_averages_and_volatility_targets_against_a_loop_over_pandas():
    panel = market(STOCKS)
    bars = pd.DataFrame({name: panel[name][:, 0] for name in ("open", "close")})
    print(f"\n{DAYS} days, microseconds of CPU for a set on a stock")
    print(f"{'':20}{'sets':>6}{'ours':>10}{'pandas loop':>14}{'ratio':>10}")
    for name, grid in (("ma_cross", GRIDS["ma_cross"]), ("volatility_target", TARGETS)):
        sets = combinations(name, {n: tuple(v) for n, v in grid.items()})
        some = sets[:2]
        if name == "ma_cross":
            wishes = rule_of(some, None)(first_stock(panel), np.arange(DAYS))
            steps = np.zeros(len(some))
        else:
            assert some.family.weights is not None
            wishes = some.family.weights(some.values)(first_stock(panel))
            steps = some.column("step") / 100.0

        def looped(wishes=wishes, steps=steps) -> list[float]:
            pairs = zip(unpacked(wishes, DAYS).astype(float), steps, strict=True)
            return [pandas_loop(bars, pd.Series(wish), step) for wish, step in pairs]

        def ours(sets=sets):
            return sweep_block(panel, sets, costs=COSTS, daily=False)

        np.testing.assert_allclose(ours().pairs[:2, 0, 0], looped(), rtol=1e-10)
        rounds = [(cpu(ours) / len(sets) / STOCKS, cpu(looped) / len(some)) for _ in range(ROUNDS)]
        mine, theirs = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
        print(f"{name:20}{len(sets):6}{mine:10.2f}{theirs:14,.0f}{theirs / mine:9,.0f}x")


@functools.cache
def small_market() -> Panel:
    return market(20, days=500)


def scored(sets: Combinations) -> int:
    """Score a block as a worker of a night does, in a thread or in a process of its own."""
    block = sweep_block(small_market(), sets, costs=COSTS, first=200, daily=False)
    return len(block.pairs)


def test_two_workers_and_twice_as_many_sets():
    grid = {"fast": range(2, 52), "slow": range(60, 60 + (1000 if FULL else 100))}
    whole = combinations("ma_cross", {n: tuple(v) for n, v in grid.items()})
    half = whole[: len(whole) // 2]
    scored(half[:500])  # compiles, before there are other processes
    processes = functools.partial(ProcessPoolExecutor, mp_context=get_context("fork"))

    def wall(sets: Combinations, workers: int, size: int, pool: Any = ThreadPoolExecutor) -> float:
        with pool(workers) as mapping:
            list(mapping.map(scored, [sets[:1]] * 2 * workers))
            blocks = list(sets.blocks(size))
            begin = time.perf_counter()
            some = max(len(blocks) // 20, 1)  # at a time, as Dask hands them out ahead
            assert sum(mapping.map(scored, blocks, chunksize=some)) == len(sets)
            return time.perf_counter() - begin

    accounts = len(whole) * len(small_market().symbols)
    print(f"\n{accounts:,} accounts of 500 days")
    for size in (500, 2000):
        rounds = [
            (
                wall(whole, 1, size, processes), wall(whole, 2, size, processes),
                wall(whole, 1, size), wall(whole, 2, size), wall(half, 1, size),
            )
            for _ in range(ROUNDS)
        ]  # fmt: skip
        one, two, thread, threads, fewer = map(statistics.median, zip(*rounds, strict=True))
        print(
            f"blocks of {size:,} sets: {accounts / one:,.0f} a second on one worker; two processes "
            f"{one / two:.2f}x one, two threads of a process {thread / threads:.2f}x; twice as "
            f"many sets take {thread / fewer:.2f}x as long"
        )
