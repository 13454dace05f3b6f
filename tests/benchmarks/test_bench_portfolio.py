"""One portfolio of many stocks: all rules on, against vectorbt, and against a loop over pandas.

Medians of five interleaved runs in CPU seconds of one core; where a peer means the same, the same
equity is asserted first. `QILIN_BENCH=full` takes 5,000 stocks over 2,430 sessions (2,000 against
vectorbt), otherwise 500; vectorbt comes from `make peers`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.config import CostConfig
from tasks.backtest.engine import GPUBacktestEngine
from tasks.backtest.portfolio import simulate
from tasks.data.panel import Panel
from tasks.market.rules import a_share_rules

pytestmark = pytest.mark.slow

FULL = os.environ.get("QILIN_BENCH") == "full"
DAYS, STOCKS = 2430, 5000 if FULL else 500
#: of plain targets: vectorbt's time to order a day's trades grows with the square of the stocks
PLAIN = (500, 1000, 2000) if FULL else (500, 1000)
ROUNDS = 5
PEER = Path(__file__).parent.parent / "peers" / "vectorbt_portfolio.py"
FEES = CostConfig(
    commission_rate=0.001, commission_minimum=0.0, official_fees="fixed", stamp_duty=0.0,
    transfer_fee=0.0, slippage_bp=5.0,
)  # fmt: skip


def market(days: int, stocks: int) -> Panel:
    """Prices in cents on all boards with suspensions, splits, dividends and special treatment."""
    rng = np.random.default_rng(0)
    moves = np.cumsum(rng.normal(0, 0.02, (days, stocks)), axis=0)
    close = np.round(20 * np.exp(moves).clip(0.05, 1e3), 2)
    opened = np.round(close * np.exp(rng.normal(0, 0.008, close.shape)), 2)
    rest = rng.random(close.shape) < 0.02
    rest[0] = False
    cash = np.where(rng.random(close.shape) < 0.004, 0.2, 0.0)
    fields = {
        "open": np.where(rest, np.nan, opened), "close": np.where(rest, np.nan, close),
        "volume": np.where(rest, 0.0, rng.lognormal(13, 1, close.shape)),
        "is_st": (rng.random(stocks) < 0.03) * np.ones(close.shape), "cash_dividend": cash,
        "bonus_shares": np.where(rng.random(close.shape) < 0.0005, 0.5, 0.0),
    }  # fmt: skip
    heads = [("60", "SH"), ("00", "SZ"), ("30", "SZ"), ("688", "SH"), ("83", "BJ")]
    names = [f"{h}{i:0{6 - len(h)}d}.{e}" for i in range(stocks) for h, e in heads]
    dates = np.busday_offset(np.datetime64("2015-01-05"), np.arange(days), roll="forward")
    return Panel(dates.astype("datetime64[D]"), tuple(names[:stocks]), fields, source="bench")


def weekly(panel: Panel, held: int) -> np.ndarray:
    """Equal weights in other stocks every fifth day."""
    rng = np.random.default_rng(1)
    targets = np.full(panel.shape, np.nan)
    for row in range(0, len(targets), 5):
        targets[row] = 0.0
        targets[row, rng.choice(targets.shape[1], held, replace=False)] = 0.95 / held
    return targets


def cpu(work) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def middle(works: dict) -> dict[str, float]:
    """Median seconds of each, run in turn."""
    times = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(work())
    return {name: statistics.median(values) for name, values in times.items()}


def test_all_rules_on():
    panel = market(DAYS, STOCKS)
    targets, rules = weekly(panel, 50), a_share_rules()
    known = np.flatnonzero(~np.isnan(targets[:, 0]))
    every_day = targets[known[np.searchsorted(known, np.arange(len(targets)), side="right") - 1]]
    works = {
        "weekly": lambda: simulate(panel, targets, rules, volume_cap=0.1),
        "weekly, no rules": lambda: simulate(panel, targets, None, volume_cap=0.1),
        "daily": lambda: simulate(panel, every_day, rules, volume_cap=0.1),
    }
    for work in works.values():
        assert len(work().trades)  # compiles
    found = middle({name: lambda w=work: cpu(w) for name, work in works.items()})
    print(f"\none portfolio, {STOCKS} stocks x {DAYS} sessions, CPU seconds of one core")
    for name, seconds in found.items():
        print(f"{name:20}{seconds:8.3f}")


@pytest.mark.parametrize("stocks", PLAIN)
def test_plain_targets_against_vectorbt(peers_python, tmp_path, stocks):
    panel = market(DAYS, stocks)
    price = {n: pd.DataFrame(panel[n]).ffill().to_numpy() for n in ("open", "close")}
    plain = Panel(panel.dates, panel.symbols, price)
    targets, source, target = weekly(plain, 50), tmp_path / "in.npz", tmp_path / "out.npy"
    np.savez(source, **price, targets=targets, fees=0.001, slippage=0.0005, cash=1e8)
    peer = subprocess.Popen(
        [peers_python, PEER, source, target],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert peer.stdout.readline().strip() == "ready"

    def theirs() -> float:
        peer.stdin.write("\n")
        peer.stdin.flush()
        return float(peer.stdout.readline())

    run = lambda: simulate(plain, targets, None, FEES, 1e8)  # noqa: E731  # timed as it is
    ours = run()
    found = middle({"ours": lambda: cpu(run), "vectorbt": theirs})
    peer.communicate()
    assert peer.returncode == 0
    np.testing.assert_allclose(ours.equity, np.load(target), rtol=1e-12)
    print(
        f"\nplain weekly targets, {stocks:,} x {DAYS:,}: ours {found['ours']:.3f} s, vectorbt "
        f"{found['vectorbt']:.2f} s, {found['vectorbt'] / found['ours']:.0f}x, equal to 1e-12"
    )


def pandas_loop(prices: pd.DataFrame, signals: pd.DataFrame, cash: float, cost: float) -> float:
    """The usual loop: a day at a time, a stock at a time, values looked up in frames."""
    shares = dict.fromkeys(prices.columns, 0.0)
    active = dict.fromkeys(prices.columns, False)
    for day in range(1, len(prices)):
        wanted = {name: signals[name].iloc[day - 1] > 0 for name in prices.columns}
        if wanted == active:
            continue
        price = {name: prices[name].iloc[day] for name in prices.columns}
        total = cash + sum(shares[name] * price[name] for name in prices.columns)
        count = max(sum(wanted.values()), 1)
        gaps = {
            name: (total / count if wanted[name] else 0.0) - shares[name] * price[name]
            for name in prices.columns
        }
        for name, gap in gaps.items():
            if gap < 0:
                cash += -gap * (1 - cost)
                shares[name] += gap / price[name]
        needed = sum(gap * (1 + cost) for gap in gaps.values() if gap > 0)
        scale = min(1.0, cash / needed) if needed else 1.0
        for name, gap in gaps.items():
            if gap > 0:
                cash -= gap * scale * (1 + cost)
                shares[name] += gap * scale / price[name]
        active = wanted
    last = prices.iloc[-1]
    return cash + sum(shares[name] * last[name] for name in prices.columns)


def test_the_engine_against_a_loop_over_pandas():
    days, stocks = 250, 40
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.normal(0.0003, 0.02, (days, stocks)), axis=0)
    prices = pd.DataFrame(10 * np.exp(walk), columns=[f"{600000 + i}.SH" for i in range(stocks)])
    signals = (prices > prices.rolling(20).mean()).astype(float)
    costs = FEES.model_copy(update={"slippage_bp": 0.0})
    engine = GPUBacktestEngine(costs=costs)
    run = lambda: engine.vectorized_backtest(prices, signals)  # noqa: E731  # timed as it is
    loop = lambda: pandas_loop(prices, signals, 1e6, 0.001)  # noqa: E731
    assert run()["final_value"] == pytest.approx(loop(), rel=1e-9)
    found = middle({"ours": lambda: cpu(run), "loop": lambda: cpu(loop)})
    print(
        f"\nsignals, {stocks} x {days}: ours {found['ours'] * 1e3:.1f} ms, pandas loop "
        f"{found['loop']:.2f} s, {found['loop'] / found['ours']:.0f}x, same final value"
    )
