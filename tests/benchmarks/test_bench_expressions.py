"""Factors against pyqlib, pandas and polars, and whole factor sets on disk.

Equal values first, then CPU seconds of both sides in turn, on one thread, medians of five; what a
layout costs is counted on both sides. `QILIN_BENCH=full` takes the sizes of a real market, where
pyqlib needs minutes and is timed once; otherwise sizes are small. pyqlib comes from `make peers`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.panel import Panel
from tasks.data.sources import qlib
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.expressions.evaluating import evaluate
from tests.indicators import qlib_directory

pytestmark = pytest.mark.slow

FULL = os.environ.get("QILIN_BENCH") == "full"
ROUNDS = 5
#: days and symbols of the Qlib directory
DIRECTORY = (3650, 800) if FULL else (1200, 60)


def make_fields(days: int, symbols: int) -> dict[str, np.ndarray]:
    """Bars with 3 % of days missing, as float32 holds them."""
    rng = np.random.default_rng(0)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    opened = close * (1 + rng.normal(0, 0.005, close.shape))
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 0.01, close.shape)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.01, close.shape)))
    bars = {"open": opened, "high": high, "low": low, "close": close}
    bars |= {"vwap": (high + low + close) / 3, "volume": rng.lognormal(12, 1, close.shape)}
    gone = rng.random(close.shape) < 0.03
    return {
        k: np.where(gone, np.nan, v).astype(np.float32).astype(np.float64) for k, v in bars.items()
    }


def dates(days: int) -> np.ndarray:
    return np.busday_offset("2005-01-03", np.arange(days))


def cpu(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def show(title: str, rows: dict[str, tuple[float, float]]) -> None:
    print(f"\n{title}\n{'':26}{'ours, s':>10}{'peer, s':>10}{'ratio':>8}")
    for name, (ours, peer) in rows.items():
        print(f"{name:26}{ours:10.3f}{peer:10.3f}{peer / ours:7.1f}x")


def agree(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    """Equal but for float32: Qlib computes steps without windows in float32."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), f"{name}: NaN in other places"
    known = np.isfinite(ours) & np.isfinite(theirs)
    apart = np.abs(ours - theirs)[known] > 1e-3 + 1e-3 * np.abs(theirs[known])
    assert apart.mean() < 1e-5, f"{name}: {apart.mean():.1e} of all values differ"


def test_alpha158_against_pyqlib(peers_python, tmp_path):
    days, symbols = DIRECTORY
    root = qlib_directory.write(tmp_path / "qlib", dates(days), make_fields(days, symbols))
    kept: dict[str, Any] = {}

    def ours() -> None:
        kept.clear()
        kept.update(evaluate(ALPHA158, qlib.stored(root), "cpu", dtype="float32"))

    rounds = 1 if FULL else ROUNDS
    mine, theirs = [], []
    with qlib_directory.start(
        peers_python, root, ALPHA158, tmp_path / "o.npz", str(rounds)
    ) as peer:
        assert peer.stdout.readline() == "ready\n", peer.stderr.read()[-3000:]
        ours()
        for _ in range(rounds):
            peer.stdin.write("\n")
            peer.stdin.flush()
            theirs.append(float(peer.stdout.readline()))
            mine += [cpu(ours) for _ in range(3 if FULL else 1)]
        assert peer.wait() == 0, peer.stderr.read()[-3000:]
    for name, values in qlib_directory.read(root, tmp_path / "o.npz").items():
        agree(kept[name], values, name)
    row = {f"{days} days x {symbols}": (statistics.median(mine), statistics.median(theirs))}
    show("Alpha158 from a Qlib directory, against pyqlib", row)


WINDOW = 20
PANDAS: dict[str, Callable[[Any], Any]] = {
    "Mean": lambda roll: roll.mean(),
    "Sum": lambda roll: roll.sum(),
    "Std": lambda roll: roll.std(),
    "Var": lambda roll: roll.var(),
    "Max": lambda roll: roll.max(),
    "Min": lambda roll: roll.min(),
    "Med": lambda roll: roll.median(),
    "Rank": lambda roll: roll.rank(pct=True),
    "Skew": lambda roll: roll.skew(),
    "Kurt": lambda roll: roll.kurt(),
    "Corr": lambda roll: roll.corr(),
}
POLARS = {
    "Mean": "rolling_mean",
    "Sum": "rolling_sum",
    "Std": "rolling_std",
    "Var": "rolling_var",
    "Max": "rolling_max",
    "Min": "rolling_min",
    "Med": "rolling_median",
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    days, symbols = (2430, 1920) if FULL else (1200, 200)
    fields = make_fields(days, symbols)
    return Panel(dates(days), tuple(map(str, range(symbols))), fields, "adjusted")


def text(name: str) -> str:
    return f"{name}($close, {'$volume, ' if name == 'Corr' else ''}{WINDOW})"


def compare(panel: Panel, name: str, peer: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Medians of both after their values were found equal."""

    def ours() -> np.ndarray:
        return evaluate({"f": text(name)}, panel, "cpu")["f"]

    mine, other = ours(), peer()
    known = np.isfinite(mine) & np.isfinite(other)
    assert known.mean() > 0.9, name
    np.testing.assert_allclose(mine[known], other[known], rtol=1e-4, atol=1e-4, err_msg=name)
    times = [(cpu(ours), cpu(peer)) for _ in range(ROUNDS)]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def test_windows_against_pandas(panel):
    close, volume = pd.DataFrame(panel["close"]), pd.DataFrame(panel["volume"])
    roll = close.rolling(WINDOW, min_periods=1)

    def peer(name: str) -> np.ndarray:
        if name == "Corr":
            return np.column_stack(
                [close[c].rolling(WINDOW, min_periods=1).corr(volume[c]) for c in close]
            )
        return PANDAS[name](roll).to_numpy()

    rows = {name: compare(panel, name, lambda name=name: peer(name)) for name in PANDAS}
    show(f"windows of {WINDOW} on {panel.shape}, against pandas", rows)


def test_windows_against_polars(panel):
    pl = pytest.importorskip("polars")
    days, symbols = panel.shape
    long = pl.DataFrame(
        {
            "symbol": np.repeat(np.arange(symbols), days),
            "x": pl.Series(panel["close"].T.reshape(-1)).fill_nan(None),
        }
    )

    def peer(method: str) -> np.ndarray:
        rolled = getattr(pl.col("x"), method)(WINDOW, min_samples=1).over("symbol")
        return long.select(rolled).to_series().to_numpy().reshape(symbols, days).T

    rows = {name: compare(panel, name, lambda m=m: peer(m)) for name, m in POLARS.items()}
    show(f"windows of {WINDOW} on {panel.shape}, against polars over symbols", rows)


def blocks(folder: Path, symbols: int, days: int, workers: int) -> dict[str, float]:
    """Alpha158 to artifacts in processes of their own."""
    program = Path(__file__).with_name("alpha158_blocks.py")
    home = folder / f"{symbols}-{workers}"
    command = [sys.executable, str(program), str(home), str(symbols), str(days), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(home)
    return json.loads(done.stdout)


def test_alpha158_to_artifacts(tmp_path):
    days, symbols = (2430, 5000) if FULL else (600, 1280)
    print(f"\nAlpha158 of {days} days to artifacts\n{'':26}{'s':>8}{'CPU, s':>8}{'peak, MB':>10}")
    wall, work = {}, {}
    for size, workers in ((symbols // 10, 1), (symbols, 1), (symbols, 2)):
        found = blocks(tmp_path, size, days, workers)
        wall[size, workers], work[size] = found["seconds"], found["cpu"]
        name = f"{size} symbols, {workers} worker{'s' * (workers > 1)}"
        print(f"{name:26}{found['seconds']:8.1f}{found['cpu']:8.1f}{found['peak_mb']:10.0f}")
    print(f"ten times the symbols: {work[symbols] / work[symbols // 10]:.1f} times the CPU time")
    print(f"two workers: {wall[symbols, 1] / wall[symbols, 2]:.2f} times as fast as one")
