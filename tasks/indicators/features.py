"""The night's technical features: scale-free columns of a panel, from twenty indicators.

Prices must be adjusted already. No column depends on a price's level or on a symbol's usual
volume, so that symbols compare. Suspended days are skipped and stay NaN; what is not finite (no
volume for days, no range) is NaN. A feature of day t uses rows up to t.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import Bench
from tasks.arrays.devices import Device
from tasks.indicators import momentum, overlap, statistic, trend, volatility, volume
from tasks.indicators.config import FactorConfig
from tasks.indicators.gpu import TECHNICAL, on_device
from tasks.indicators.lanes import Tile, on_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.indicators.lanes import Array

INPUTS = ("high", "low", "close", "volume")

#: name and meaning of every column of the set `technical32`
TECHNICAL32 = {
    "sma_gap_5": "close / SMA(5) - 1",
    "sma_gap_20": "close / SMA(20) - 1",
    "sma_gap_60": "close / SMA(60) - 1",
    "ema_cross": "EMA(12) / EMA(26) - 1",
    "wma_gap_10": "close / WMA(10) - 1",
    "high_gap_20": "close / MAX(high, 20) - 1",
    "low_gap_20": "close / MIN(low, 20) - 1",
    "boll_position": "(close - lower) / (upper - lower) of BBANDS(20, 2)",
    "boll_width": "(upper - lower) / middle of BBANDS(20, 2)",
    "macd": "MACD(12, 26, 9) / close",
    "macd_hist": "histogram of MACD(12, 26, 9) / close",
    "rsi_6": "RSI(6) / 100",
    "rsi_14": "RSI(14) / 100",
    "stoch_k": "K of STOCH(5, 3, 3) / 100",
    "stoch_d": "D of STOCH(5, 3, 3) / 100",
    "kdj_k": "K of KDJ(9, 3, 3) / 100",
    "kdj_d": "D of KDJ(9, 3, 3) / 100",
    "kdj_j": "J of KDJ(9, 3, 3) / 100",
    "willr_14": "WILLR(14) / 100",
    "cci_14": "CCI(14) / 100",
    "roc_5": "ROC(5) / 100",
    "roc_20": "ROC(20) / 100",
    "roc_60": "ROC(60) / 100",
    "mom_10": "MOM(10) / ATR(14)",
    "adx_14": "ADX(14) / 100",
    "atr_14": "ATR(14) / close",
    "stddev_20": "STDDEV(20) / close",
    "obv_slope_20": "change of OBV over 20 days / volume of these days, -1 to 1",
    "volume_ratio_20": "volume / SMA(volume, 20)",
    "volume_trend": "SMA(volume, 5) / SMA(volume, 60)",
    "mfi_14": "MFI(14) / 100",
    "correl_20": "CORREL(close, volume, 20)",
}

CHOSEN_CPU = Device("cpu", "Computed on the CPU, as asked.")

FEATURE_SETS = {"technical32": TECHNICAL32}


def technical_features(
    panel: Panel, config: FactorConfig | None = None
) -> dict[str, NDArray[np.floating[Any]]]:
    """Every column of the configured set as a (T, N) grid of the configured dtype.

    Needs adjusted prices `high low close` and `volume` on the same basis. NaN on days without
    trading and during each indicator's warm-up (TA-Lib's).
    """
    return features_on(panel, config, CHOSEN_CPU)[0]


def features_on(
    panel: Panel, config: FactorConfig | None, device: Device
) -> tuple[dict[str, NDArray[np.floating[Any]]], Device]:
    """As `technical_features`, on a device; with the device that computed in the end and why."""
    settings = config or FactorConfig()
    dtype = np.float32 if settings.dtype == "float32" else np.float64
    names: list[str] = []

    def formula(tile: Tile, *series: Array) -> Iterator[Array]:
        names.clear()
        for name, values in _technical32(tile, *series):
            names.append(name)
            yield values

    def compute(part: Panel, bench: Bench) -> list[NDArray[Any]]:
        grids = [np.ascontiguousarray(part[name], dtype=np.float64) for name in INPUTS]
        block = bench.width(*part.shape, settings.block)
        return on_tiles(grids, formula, block, dtype, finite=True, bench=bench)

    columns, used = on_device(compute, panel, device, TECHNICAL)
    return dict(zip(names, columns, strict=True)), used


def _technical32(
    tile: Tile, high: Array, low: Array, close: Array, traded: Array
) -> Iterator[tuple[str, Array]]:
    yield from _trend(tile, close)
    yield from _bands(tile, high, low, close)
    yield from _oscillators(tile, high, low, close)
    yield from _momentum(tile, high, low, close)
    yield from _volume(tile, high, low, close, traded)


def _trend(tile: Tile, close: Array) -> Iterator[tuple[str, Array]]:
    for days in (5, 20, 60):
        yield f"sma_gap_{days}", close / overlap.sma.on_tile(tile, close, days) - 1.0
    fast, slow = overlap.ema.on_tile(tile, close, 12), overlap.ema.on_tile(tile, close, 26)
    yield "ema_cross", fast / slow - 1.0
    yield "wma_gap_10", close / overlap.wma.on_tile(tile, close, 10) - 1.0


def _bands(tile: Tile, high: Array, low: Array, close: Array) -> Iterator[tuple[str, Array]]:
    yield "high_gap_20", close / statistic.max.on_tile(tile, high, 20) - 1.0
    yield "low_gap_20", close / statistic.min.on_tile(tile, low, 20) - 1.0
    upper, middle, lower = overlap.bbands.on_tile(tile, close, 20)
    yield "boll_position", (close - lower) / (upper - lower)
    yield "boll_width", (upper - lower) / middle


def _oscillators(tile: Tile, high: Array, low: Array, close: Array) -> Iterator[tuple[str, Array]]:
    line, _, histogram = momentum.macd.on_tile(tile, close)
    yield "macd", line / close
    yield "macd_hist", histogram / close
    for days in (6, 14):
        yield f"rsi_{days}", momentum.rsi.on_tile(tile, close, days) / 100.0
    for name, values in zip("kd", momentum.stoch.on_tile(tile, high, low, close), strict=True):
        yield f"stoch_{name}", values / 100.0
    for name, values in zip("kdj", momentum.kdj.on_tile(tile, high, low, close), strict=True):
        yield f"kdj_{name}", values / 100.0
    yield "willr_14", momentum.willr.on_tile(tile, high, low, close) / 100.0
    yield "cci_14", momentum.cci.on_tile(tile, high, low, close) / 100.0


def _momentum(tile: Tile, high: Array, low: Array, close: Array) -> Iterator[tuple[str, Array]]:
    for days in (5, 20, 60):
        yield f"roc_{days}", momentum.roc.on_tile(tile, close, days) / 100.0
    ranges = volatility.atr.on_tile(tile, high, low, close)
    yield "mom_10", momentum.mom.on_tile(tile, close) / ranges
    yield "adx_14", trend.adx.on_tile(tile, high, low, close) / 100.0
    yield "atr_14", ranges / close
    yield "stddev_20", statistic.stddev.on_tile(tile, close, 20) / close


def _volume(
    tile: Tile, high: Array, low: Array, close: Array, traded: Array
) -> Iterator[tuple[str, Array]]:
    month = overlap.sma.on_tile(tile, traded, 20)
    balance = volume.obv.on_tile(tile, close, traded)
    yield "obv_slope_20", momentum.mom.on_tile(tile, balance, 20) / (20.0 * month)
    yield "volume_ratio_20", traded / month
    week, quarter = (overlap.sma.on_tile(tile, traded, days) for days in (5, 60))
    yield "volume_trend", week / quarter
    yield "mfi_14", momentum.mfi.on_tile(tile, high, low, close, traded) / 100.0
    yield "correl_20", statistic.correl.on_tile(tile, close, traded, 20)
