"""22 technical indicators of a panel, and long rolling extremes, against TA-Lib: one core each.

    pytest -q -s tests/benchmarks/test_bench_technical.py
    QILIN_BENCH_SYMBOLS=5000 pytest -q -s tests/benchmarks/test_bench_technical.py

Both sides start from the same panel (T dates x N symbols, 3 % missing days, late listings) and end
with grids of that shape. TA-Lib cannot skip missing days, so its side pays for its layout as well:
for 64 symbols at a time fields are transposed, each symbol is compacted, results are put back on
their days and transposed into the grids (the fastest of the ways tried). Sides run alternately; the
table has medians of five in CPU seconds, so that a busy machine distorts them less. Values are
asserted equal first.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import numpy as np
import pytest
import talib

from tasks.indicators import technical

pytestmark = pytest.mark.slow

SYMBOLS = int(os.environ.get("QILIN_BENCH_SYMBOLS", "400"))
DAYS = 2430
ROUNDS = 5
BLOCK = 64
HLC = ("high", "low", "close")

#: TA-Lib's function: fields and parameters
WORK: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "sma": (("close",), {"timeperiod": 20}),
    "ema": (("close",), {"timeperiod": 12}),
    "wma": (("close",), {"timeperiod": 10}),
    "dema": (("close",), {"timeperiod": 20}),
    "bbands": (("close",), {"timeperiod": 20}),
    "stddev": (("close",), {"timeperiod": 20}),
    "linearreg_slope": (("close",), {"timeperiod": 14}),
    "max": (("close",), {"timeperiod": 20}),
    "min": (("close",), {"timeperiod": 20}),
    "rsi": (("close",), {}),
    "macd": (("close",), {}),
    "mom": (("close",), {}),
    "roc": (("close",), {}),
    "stoch": (HLC, {}),
    "willr": (HLC, {}),
    "cci": (HLC, {}),
    "adx": (HLC, {}),
    "atr": (HLC, {}),
    "natr": (HLC, {}),
    "mfi": ((*HLC, "volume"), {}),
    "obv": (("close", "volume"), {}),
    "correl": (("close", "volume"), {"timeperiod": 20}),
}


def make_panel(symbols: int, days: int = DAYS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    bars = {
        "high": close * (1 + np.abs(rng.normal(0, 0.01, close.shape))),
        "low": close * (1 - np.abs(rng.normal(0, 0.01, close.shape))),
        "close": close,
    }
    gone = rng.random(close.shape) < 0.03
    listed = np.where(rng.random(symbols) < 0.4, rng.integers(0, days // 2, symbols), 0)
    gone |= np.arange(days)[:, None] < listed
    for grid in bars.values():
        grid[gone] = np.nan
    bars["volume"] = np.where(gone, 0.0, np.round(rng.lognormal(12, 1, close.shape)))
    return bars


def requests(names: tuple[str, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    made = {}
    for name in names:
        fields, parameters = WORK[name]
        chosen = dict(zip(getattr(technical, name).inputs, fields, strict=True))
        made[name] = (name, {**chosen, **parameters})
    return made


def through_talib(
    bars: dict[str, np.ndarray], names: tuple[str, ...], dtype: Any = np.float64
) -> list[np.ndarray]:
    """TA-Lib from panel to panel, in blocks of symbols that stay in cache."""
    shape = bars["close"].shape
    outs: dict[tuple[str, int], np.ndarray] = {}
    rows: dict[tuple[str, int], np.ndarray] = {}
    for low in range(0, shape[1], BLOCK):
        part = slice(low, min(low + BLOCK, shape[1]))
        columns = {name: np.ascontiguousarray(grid[:, part].T) for name, grid in bars.items()}
        for j, traded in enumerate(~np.isnan(columns["close"])):
            series = {name: grid[j][traded] for name, grid in columns.items()}
            for name in names:
                fields, parameters = WORK[name]
                results = getattr(talib, name.upper())(*[series[f] for f in fields], **parameters)
                for k, result in enumerate(results if isinstance(results, tuple) else (results,)):
                    if (name, k) not in outs:
                        outs[name, k] = np.empty(shape, dtype)
                        rows[name, k] = np.empty((BLOCK, shape[0]))
                    rows[name, k][j] = np.nan
                    rows[name, k][j, traded] = result
        for key, out in outs.items():
            out[:, part] = rows[key][: part.stop - low].T
    return list(outs.values())


def measure(*sides: Any) -> list[float]:
    """Median CPU seconds of each side, run alternately."""
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for kept, run in zip(times, sides, strict=True):
            begin = time.process_time()
            run()
            kept.append(time.process_time() - begin)
    return [statistics.median(kept) for kept in times]


def fresh_grids(count: int, dtype: Any) -> list[np.ndarray]:
    """The least that any side must do: write as many new grids."""
    return [np.ones((DAYS, SYMBOLS), dtype) for _ in range(count)]


def same(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> float:
    """Assert equal values; the worst difference, relative to 1 + |value|."""
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(other))
        away = np.abs(mine.astype(np.float64) - other) / (1.0 + np.abs(other))
        worst = max(worst, float(np.nanmax(away)))
    assert worst < tolerance
    return worst


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_22_indicators_from_panel_to_panel(dtype: str) -> None:
    bars = make_panel(SYMBOLS)
    names = tuple(WORK)
    wanted = requests(names)
    ours = list(technical.compute(wanted, bars, dtype).values())
    worst = same(ours, through_talib(bars, names), 1e-7 if dtype == "float64" else 1e-6)
    count = len(ours)
    del ours
    mine, other, floor = measure(
        lambda: technical.compute(wanted, bars, dtype),
        lambda: through_talib(bars, names, dtype),
        lambda: fresh_grids(count, dtype),
    )
    cells = DAYS * SYMBOLS * count
    print(
        f"\n{len(names)} indicators, {count} grids {dtype}, {SYMBOLS} symbols x {DAYS} days: "
        f"ours {mine * 1e3:.0f} ms ({mine / cells * 1e9:.2f} ns a value), TA-Lib "
        f"{other * 1e3:.0f} ms: {other / mine:.1f}x; writing alone {floor * 1e3:.0f} ms: "
        f"{mine / floor:.1f} times that; worst difference {worst:.1e}"
    )


@pytest.mark.parametrize("period", [20, 120])
def test_rolling_extremes(period: int) -> None:
    bars = {"close": make_panel(SYMBOLS)["close"]}
    wanted = {n: (n, {"timeperiod": period}) for n in ("max", "min")}
    columns = np.ascontiguousarray(bars["close"].T)

    def theirs() -> list[np.ndarray]:
        outs = [np.full(columns.shape, np.nan) for _ in range(2)]
        for j, column in enumerate(columns):
            traded = ~np.isnan(column)
            for out, function in zip(outs, (talib.MAX, talib.MIN), strict=True):
                out[j, traded] = function(column[traded], period)
        return [np.ascontiguousarray(out.T) for out in outs]

    same(list(technical.compute(wanted, bars).values()), theirs(), 1e-300)
    mine, other = measure(lambda: technical.compute(wanted, bars), theirs)
    print(
        f"\nmax and min over {period} days, {SYMBOLS} symbols: ours {mine * 1e3:.0f} ms, TA-Lib "
        f"{other * 1e3:.0f} ms: {other / mine:.1f}x"
    )


def test_each_indicator_alone() -> None:
    """What each costs by itself, layout included."""
    bars = make_panel(SYMBOLS)
    print(f"\n{'one at a time':18} {'ours ms':>9} {'TA-Lib':>9}")
    for name in WORK:
        wanted = requests((name,))
        needed = {f: bars[f] for f in {*WORK[name][0], "close"}}
        mine, other = measure(
            lambda wanted=wanted, needed=needed: technical.compute(wanted, needed),
            lambda name=name, needed=needed: through_talib(needed, (name,)),
        )
        print(f"{name:18} {mine * 1e3:9.1f} {other * 1e3:9.1f} {other / mine:6.1f}x")
