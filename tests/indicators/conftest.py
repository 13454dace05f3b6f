"""Synthetic bars with everything real ones have: suspensions, late listings, flat stretches."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.data.panel import Panel


def make_bars(days: int = 300, symbols: int = 70, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    open_ = close * (1 + rng.normal(0, 0.005, close.shape))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.01, close.shape)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.01, close.shape)))
    volume = rng.integers(1, 10**7, close.shape).astype(float)
    bars = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    for name in ("open", "high", "low", "close"):  # 40 bars at one price: limit-locked
        bars[name][100:140, 5] = close[100, 5]
    gone = rng.random(close.shape) < 0.03
    gone[:, 0] = False  # one symbol without holes
    gone[: days // 2, 1] = True  # a late listing
    gone[:, 2] = True  # never traded
    gone[:, 3] = True
    gone[days - 1, 3] = False  # one single bar
    gone[60:120, 4] = True  # a long suspension
    for name in ("open", "high", "low", "close"):
        bars[name][gone] = np.nan
    bars["volume"][gone] = 0.0
    return bars


@pytest.fixture(scope="session")
def bars() -> dict[str, np.ndarray]:
    return make_bars()


@pytest.fixture(scope="session")
def market(bars: dict[str, np.ndarray]) -> Panel:
    """The same bars as a panel of adjusted prices, with amounts."""
    days, symbols = bars["close"].shape
    return Panel(
        np.arange("2022-01-01", "2023-01-01", dtype="datetime64[D]")[:days],
        tuple(f"{600000 + i}.SH" for i in range(symbols)),
        {**bars, "amount": bars["volume"] * np.nan_to_num(bars["close"])},
        "adjusted",
    )
