"""Indicators and factors against TA-Lib, pandas and polars: same values, then medians of five.

    python tests/benchmarks/bench_indicators.py [--symbols 500] [--days 2430] [--json FILE]

Peers run interleaved with ours, on one thread, on the same bars with 3 % suspended days; times are
CPU seconds of the process (`time.process_time`), so that a busy machine distorts them less. Each
peer's values are asserted equal before anything is timed. TA-Lib cannot skip suspended days:
`calls` times its calls alone on series compacted beforehand, `panel` what takes it from panel to
panel (compact each column with numpy, call, scatter), which is what ours do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 -- after the thread counts
import pandas as pd  # noqa: E402
import polars as pl  # noqa: E402
import talib  # noqa: E402

from tasks.data.panel import Panel  # noqa: E402
from tasks.indicators import technical  # noqa: E402
from tasks.indicators.alpha158 import ALPHA158  # noqa: E402
from tasks.indicators.expressions.evaluating import evaluate  # noqa: E402
from tasks.indicators.features import technical_features  # noqa: E402

ROUNDS = 5


def make_panel(days: int, symbols: int) -> Panel:
    rng = np.random.default_rng(0)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    bars = {
        "open": close * (1 + rng.normal(0, 0.005, close.shape)),
        "high": close * (1 + np.abs(rng.normal(0, 0.01, close.shape))),
        "low": close * (1 - np.abs(rng.normal(0, 0.01, close.shape))),
        "close": close,
    }
    gone = rng.random(close.shape) < 0.03
    for grid in bars.values():
        grid[gone] = np.nan
    bars["volume"] = np.where(gone, 0.0, rng.lognormal(12, 1, close.shape))
    bars["vwap"] = (bars["high"] + bars["low"] + bars["close"]) / 3
    dates = np.datetime64("2015-01-01") + np.arange(days)
    return Panel(dates, tuple(f"{i:06d}.SZ" for i in range(symbols)), bars, "adjusted")


def compacted(panel: Panel, *names: str) -> list[list[np.ndarray]]:
    days = ~np.isnan(panel["close"])
    return [
        [np.ascontiguousarray(panel[name][days[:, j], j]) for name in names]
        for j in range(panel.shape[1])
    ]


def through_talib(function: Any, grids: list[np.ndarray]) -> np.ndarray:
    """TA-Lib's first result from panel to panel."""
    out = np.full(grids[0].shape, np.nan)
    for j in range(out.shape[1]):
        days = ~np.isnan(grids[0][:, j])
        result = function(*[np.ascontiguousarray(g[days, j]) for g in grids])
        out[days, j] = result[0] if isinstance(result, tuple) else result
    return out


def talib_cases(panel: Panel) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    hlc = ("high", "low", "close")
    inputs = {
        **dict.fromkeys(
            ("sma", "ema", "wma", "rsi", "macd", "bbands", "stddev", "max"), ("close",)
        ),
        **dict.fromkeys(("atr", "adx", "cci", "stoch", "willr"), hlc),
        "mfi": (*hlc, "volume"),
        "obv": ("close", "volume"),
        "correl": ("close", "volume"),
    }
    cases = {}
    for name, fields in inputs.items():
        series = compacted(panel, *fields)
        ours, theirs = getattr(technical, name), getattr(talib, name.upper())
        grids = [panel[f] for f in fields]
        run = lambda ours=ours, grids=grids: ours(*grids)  # noqa: E731 -- one of a pair
        cases[f"{name} / TA-Lib panel"] = (
            run,
            lambda theirs=theirs, grids=grids: through_talib(theirs, grids),
        )
        cases[f"{name} / TA-Lib calls"] = (
            run,
            lambda theirs=theirs, series=series: [theirs(*s) for s in series],
        )
    return cases


def check_talib(panel: Panel, ours: Any, theirs: Any) -> None:
    first = ours[0] if isinstance(ours, tuple) else ours
    days = ~np.isnan(panel["close"])
    if isinstance(theirs, np.ndarray):
        np.testing.assert_allclose(first, theirs, rtol=1e-6, atol=1e-6)
        return
    for j in range(0, panel.shape[1], 50):
        other = theirs[j][0] if isinstance(theirs[j], tuple) else theirs[j]
        np.testing.assert_allclose(first[days[:, j], j], other, rtol=1e-6, atol=1e-6)


def frame_cases(panel: Panel) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Windows on calendar rows, in pandas (wide) and polars (over symbols)."""
    wide = pd.DataFrame(panel["close"])
    days, symbols = panel.shape
    long = pl.DataFrame(
        {
            "symbol": np.repeat(np.arange(symbols), days),
            "x": pl.Series(panel["close"].T.reshape(-1)).fill_nan(None),
        }
    )
    x = pl.col("x")

    def ours(text: str) -> Callable[[], Any]:
        return lambda: evaluate({"f": text}, panel)["f"]

    def polars(expression: pl.Expr) -> Callable[[], Any]:
        return lambda: (
            long.select(expression.over("symbol")).to_series().to_numpy().reshape(symbols, days).T
        )

    roll = wide.rolling(20, min_periods=1)
    return {
        "Mean 20 / pandas": (ours("Mean($close, 20)"), lambda: roll.mean().to_numpy()),
        "Std 20 / pandas": (ours("Std($close, 20)"), lambda: roll.std().to_numpy()),
        "Max 20 / pandas": (ours("Max($close, 20)"), lambda: roll.max().to_numpy()),
        "Rank 20 / pandas": (ours("Rank($close, 20)"), lambda: roll.rank(pct=True).to_numpy()),
        "Quantile 20 / pandas": (
            ours("Quantile($close, 20, 0.8)"),
            lambda: roll.quantile(0.8).to_numpy(),
        ),
        "CSRank / pandas": (
            ours("CSRank($close)"),
            lambda: wide.rank(axis=1, pct=True).to_numpy(),
        ),
        "Mean 20 / polars": (
            ours("Mean($close, 20)"),
            polars(x.rolling_mean(20, min_samples=1)),
        ),
        "Std 20 / polars": (ours("Std($close, 20)"), polars(x.rolling_std(20, min_samples=1))),
        "Max 20 / polars": (ours("Max($close, 20)"), polars(x.rolling_max(20, min_samples=1))),
    }


def check_frames(_: Panel, ours: Any, theirs: Any) -> None:
    known = ~(np.isnan(ours) | np.isnan(theirs))
    assert known.mean() > 0.9
    np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-6, atol=1e-6)


def measure(ours: Callable[[], Any], peer: Callable[[], Any]) -> tuple[float, float]:
    """Median CPU seconds of both, run alternately."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for kept, run in zip(times, (ours, peer), strict=True):
            begin = time.process_time()
            run()
            kept.append(time.process_time() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


def whole_sets(panel: Panel) -> dict[str, float]:
    """Median CPU seconds of the whole sets; there is no peer in this environment."""
    small = {
        "32 technical features": lambda: technical_features(panel),
        "Alpha158": lambda: evaluate(ALPHA158, panel, dtype="float32"),
    }
    return {name: measure(run, lambda: None)[0] for name, run in small.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=2430)
    parser.add_argument("--json", type=Path, help="write the table there too")
    options = parser.parse_args()
    panel = make_panel(options.days, options.symbols)
    table: dict[str, Any] = {"days": options.days, "symbols": options.symbols}
    print(f"{options.days} days x {options.symbols} symbols, medians of {ROUNDS}, CPU ms")
    for cases, check in ((talib_cases(panel), check_talib), (frame_cases(panel), check_frames)):
        for name, (ours, peer) in cases.items():
            check(panel, ours(), peer())
            mine, other = measure(ours, peer)
            table[name] = {"ours": mine, "peer": other, "ratio": other / mine}
            print(f"{name:24} {mine * 1e3:9.1f} {other * 1e3:9.1f} {other / mine:7.1f}x")
    for name, seconds in whole_sets(panel).items():
        table[name] = {"ours": seconds}
        print(f"{name:24} {seconds * 1e3:9.1f}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
