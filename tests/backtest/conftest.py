"""Small markets for the tests of backtests."""

import numpy as np
import pytest

from tasks.data.panel import Panel


def market(days=300, count=6, *, seed=0, holes=0.0, start="2021-01-04"):
    """A random market with suspended days and a late listing."""
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0.0003, 0.02, (days, count)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.008, (days, count)))
    rest = rng.random((days, count)) < holes
    if holes and count > 2:
        rest[: days // 3, 2] = True
    close[rest] = np.nan
    open_[rest] = np.nan
    high, low = np.fmax(open_, close) * 1.01, np.fmin(open_, close) * 0.99
    dates = np.busday_offset(np.datetime64(start), np.arange(days), roll="forward")
    symbols = tuple(f"{600000 + i}.SH" for i in range(count))
    fields = {"open": open_, "high": high, "low": low, "close": close}
    volume = np.where(rest, 0.0, 1e6)
    return Panel(dates, symbols, {**fields, "volume": volume}, "unadjusted", "test")


@pytest.fixture
def small_market():
    return market(holes=0.05)
