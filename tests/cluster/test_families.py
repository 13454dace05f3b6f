"""Named strategies over a cluster: the sweep's own figures, for panels and for any array."""

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.config import CostConfig
from tasks.backtest.sweep import sweep
from tasks.cluster import (
    ClusterConfig,
    DaskDistributedManager,
    DistributedMode,
    DistributedStockAnalyzer,
)
from tasks.data.panel import Panel

GRID = {"fast": [3, 5, 10], "slow": [5, 20]}


@pytest.fixture(scope="module")
def analyzer():
    config = ClusterConfig(mode=DistributedMode.THREADS, n_workers=1)
    with DaskDistributedManager(config) as manager:
        yield DistributedStockAnalyzer(manager)


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(3)
    return 10 * np.exp(np.cumsum(rng.normal(0, 0.02, (150, 3)), axis=0))


def panel_of(prices):
    dates = np.busday_offset(np.datetime64("2024-01-02"), np.arange(len(prices)))
    fields = dict.fromkeys(("open", "high", "low", "close"), prices)
    return Panel(dates, ("600000.SH", "600001.SH", "600002.SH"), fields)


def test_a_named_strategy_has_the_sweeps_figures(analyzer, prices):
    panel = panel_of(prices)
    table = analyzer.optimize_parameters_parallel(GRID, "ma_cross", panel)
    frame = sweep(panel, "ma_cross", GRID, CostConfig()).frame
    assert len(table) == 6
    assert "the fast window must be shorter" in table["error"][2]
    good = table[table["error"].isna()].reset_index(drop=True)
    for name in ("sharpe", "total_return", "max_drawdown", "turnover"):
        np.testing.assert_array_equal(good[name], frame[name])


def test_any_array_gives_the_same(analyzer, prices):
    torch = pytest.importorskip("torch")
    sets = [{"fast": 3, "slow": 20}, {"fast": 5, "slow": 20}, {"fast": 5, "slow": "x"}]
    first, *others = (
        analyzer.backtest_parallel(sets, data, "ma_cross")
        for data in (prices, torch.from_numpy(prices), pd.DataFrame(prices))
    )
    assert np.isfinite(first["sharpe"][:2]).all()
    assert "are no numbers" in first["error"][2]
    for other in others:
        pd.testing.assert_frame_equal(first, other)
