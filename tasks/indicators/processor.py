"""Indicator columns for frames of bars, one or many symbols, of any kind, on any backend.

Every backend gives the same columns, the same warm-up and the same values: the kernels are one.
Where a backend or a GPU is missing the CPU computes, and `reason` says so in one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tasks.arrays.devices import GPUBackend, as_backend, choose_device
from tasks.indicators import momentum, overlap, statistic, trend, volatility, volume
from tasks.indicators.gpu import TECHNICAL, on_device
from tasks.indicators.lanes import BLOCK, Tile, on_tiles
from tasks.indicators.longframe import LongFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench
    from tasks.data.panel import Panel
    from tasks.indicators.lanes import Array

BARS = ("high", "low", "close", "volume")

#: the columns that are added to a frame, in this order
COLUMNS = (
    *("sma_5", "sma_10", "sma_20", "sma_60", "ema_12", "ema_26", "wma_10"),
    *("bb_upper", "bb_middle", "bb_lower", "max_20", "min_20", "stddev_20"),
    *("macd", "macd_signal", "macd_hist", "rsi_14", "stoch_k", "stoch_d"),
    *("kdj_k", "kdj_d", "kdj_j", "willr_14", "cci_14", "mom_10", "roc_10", "adx_14"),
    *("atr_14", "obv", "mfi_14", "correl_20"),
)


class GPUDataProcessor:
    """Adds technical indicators to frames of bars.

    Attributes:
        backend: what was asked for.
        device: what computes, with the reason: the CPU where the backend is not available.
    """

    def __init__(self, backend: GPUBackend | str = GPUBackend.RAPIDS) -> None:
        self.backend = as_backend(backend)
        self.device = choose_device("auto", self.backend)

    @property
    def reason(self) -> str:
        """One sentence: what computes and why."""
        return self.device.reason

    def calculate_indicators_gpu(self, df: Any) -> Any:
        """The frame with the columns `COLUMNS` added, in kind and in its own row order.

        Args:
            df: pandas, polars or cudf frame with the columns high, low, close and volume (any
                case), one row per bar. Where a column or a level of the index says whose a row is
                (`symbol`, `code`, ...) each symbol is computed by itself; where one says of which
                day (`date`, ...) rows count in its order.

        Bars with an unknown (NaN) price or volume are skipped and get NaN. Prices are taken as
        they are: adjust them first. `correl_20` correlates close and volume.

        Errors: `UserError` names missing columns, repeated bars of one symbol and date, rows
        without either, and a column or level that may be the symbols but is not called so.
        """
        frame = LongFrame.read(df, BARS)
        columns, self.device = on_device(_compute, frame.panel(BARS), self.device, TECHNICAL)
        return frame.with_columns(dict(zip(COLUMNS, columns, strict=True)))


def _compute(panel: Panel, bench: Bench) -> list[NDArray[Any]]:
    block = bench.width(*panel.shape, BLOCK)
    return on_tiles([panel[name] for name in BARS], _columns, block, bench=bench)


def _columns(tile: Tile, high: Array, low: Array, close: Array, traded: Array) -> Iterator[Array]:
    for days in (5, 10, 20, 60):
        yield overlap.sma.on_tile(tile, close, days)
    for days in (12, 26):
        yield overlap.ema.on_tile(tile, close, days)
    yield overlap.wma.on_tile(tile, close, 10)
    yield from overlap.bbands.on_tile(tile, close, 20)
    yield statistic.max.on_tile(tile, close, 20)
    yield statistic.min.on_tile(tile, close, 20)
    yield statistic.stddev.on_tile(tile, close, 20)
    yield from momentum.macd.on_tile(tile, close)
    yield momentum.rsi.on_tile(tile, close)
    yield from momentum.stoch.on_tile(tile, high, low, close)
    yield from momentum.kdj.on_tile(tile, high, low, close)
    yield momentum.willr.on_tile(tile, high, low, close)
    yield momentum.cci.on_tile(tile, high, low, close)
    yield momentum.mom.on_tile(tile, close)
    yield momentum.roc.on_tile(tile, close)
    yield trend.adx.on_tile(tile, high, low, close)
    yield volatility.atr.on_tile(tile, high, low, close)
    yield volume.obv.on_tile(tile, close, traded)
    yield momentum.mfi.on_tile(tile, high, low, close, traded)
    yield statistic.correl.on_tile(tile, close, traded, 20)
