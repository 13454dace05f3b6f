"""Speed of portfolios: medians of five runs, CPU seconds; sweeps are in `test_bench_sweep.py`.

Run: `QILIN_PEERS=.../python .venv/bin/python tests/benchmarks/bench_backtest.py`. The peer is given
its best case: ready-made columns, all parameter sets in one call, only the total return asked for.
Ours finds all figures of every (set, stock) and the trials' exact daily sums.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.portfolio import simulate
from tasks.backtest.sweep import sweep_block
from tasks.data.panel import Panel

DAYS, RUNS = 2430, 5
GRID = {"fast": tuple(range(5, 65, 2)), "slow": tuple(range(20, 240, 5))}
COSTS = CostConfig(
    commission_rate=0.001, official_fees="fixed", stamp_duty=0.0, transfer_fee=0.0, slippage_bp=5.0
)
PEER = Path(__file__).parent.parent / "peers" / "vectorbt_sweep.py"


def market(count, seed=0):
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0.0002, 0.02, (DAYS, count)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.008, close.shape))
    dates = np.busday_offset(np.datetime64("2015-01-05"), np.arange(DAYS), roll="forward")
    symbols = tuple(f"{600000 + i}.SH" for i in range(count))
    fields = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close)}
    return Panel(dates, symbols, {**fields, "close": close})


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


class Peer:
    """vectorbt in its own environment, waiting to be timed."""

    def __init__(self, panel, sets, folder):
        source = Path(folder) / "in.npz"
        np.savez(
            source, open=panel["open"], close=panel["close"], sets=sets.values, slippage=0.0005
        )
        self.process = subprocess.Popen(
            [os.environ["QILIN_PEERS"], PEER, source],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline().strip() == "ready"

    def seconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def sweep_ratio(stocks=20):
    """About 1,200 parameter sets; seconds of one account (a set on a stock)."""
    panel, sets = market(stocks), combinations("ma_cross", GRID)
    times = {"events": [], "streaming": [], "vectorbt": []}

    def account(design):
        work = seconds(lambda: sweep_block(panel, sets, costs=COSTS, pairs=False, design=design))
        return work / (stocks * len(sets))

    for design in ("events", "streaming"):
        account(design)
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(panel, sets, folder)
        for _ in range(RUNS):
            times["vectorbt"].append(peer.seconds() / len(sets))  # its columns are of one stock
            for design in ("events", "streaming"):
                times[design].append(account(design))
        peer.close()
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratios = {f"ratio_{d}": middle["vectorbt"] / middle[d] for d in ("events", "streaming")}
    return {"sets": len(sets), "account_s": middle, **ratios}


def sweep_rate(stocks=100, sets=250):
    """Accounts a second on one core in the shape of a night's block."""
    panel = market(stocks, seed=1)
    some = combinations("ma_cross", GRID)[:sets]
    work = lambda: sweep_block(panel, some, costs=COSTS, pairs=False)  # noqa: E731  # timed as is
    work()
    median = statistics.median(seconds(work) for _ in range(RUNS))
    return {"accounts": stocks * len(some), "s": median, "per_s": stocks * len(some) / median}


def portfolio_rate(stocks=1000, every=5):
    """One portfolio of many stocks, rebalanced weekly."""
    panel = market(stocks, seed=2)
    targets = np.full(panel.shape, np.nan)
    rng = np.random.default_rng(0)
    for row in range(0, DAYS, every):
        targets[row] = 0.0
        targets[row, rng.choice(stocks, 50, replace=False)] = 0.02
    work = lambda: simulate(panel, targets, None, COSTS)  # noqa: E731  # timed as is
    work()
    return {"stocks": stocks, "s": statistics.median(seconds(work) for _ in range(RUNS))}


def main():
    out = {"block": sweep_rate(), "portfolio": portfolio_rate()}
    if os.environ.get("QILIN_PEERS"):
        out["sweep"] = sweep_ratio()
    json.dump(out, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
