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
from tasks.data import vault
from tasks.data.panel import Panel
from tasks.data.store import Store
from tasks.data.trialsets import read_ledger

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


def test_both_routes_count_the_trials_of_a_sweep_and_none_sees_the_vault(
    analyzer, prices, tmp_path, monkeypatch
):
    panel, store = panel_of(prices), Store(str(tmp_path))
    dates = panel.dates
    vault.move(store, "memory", str(dates[100]), str(dates[-1]))
    monkeypatch.setenv("QILIN_LEDGER", str(tmp_path))
    grid = {"fast": [3, 5], "slow": [20]}
    seen = sweep(panel, "ma_cross", grid)
    assert seen.dates[-1] == dates[99]
    before = read_ledger(store, "memory")
    assert len(before) == 2
    search = analyzer.optimize_parameters_parallel(grid, "ma_cross", panel)
    sets = [{"fast": 3, "slow": 20}, {"fast": 5, "slow": 20}, {"fast": 3, "slow": 20}]
    tests = analyzer.backtest_parallel(sets, panel, "ma_cross")
    for table in (search, tests[:2]):
        np.testing.assert_array_equal(table["days"], seen.frame["days"])
        np.testing.assert_array_equal(table["sharpe"], seen.frame["sharpe"])
    assert tests["sharpe"][2] == tests["sharpe"][0]
    pd.testing.assert_frame_equal(read_ledger(store, "memory"), before)
    analyzer.backtest_parallel([{"fast": 7, "slow": 20}], panel, "ma_cross")
    analyzer.backtest_parallel([{"fast": 9, "slow": 5}], panel, "ma_cross")
    assert len(read_ledger(store, "memory")) == 3, "a set that makes no sense was never tried"
    own = [{"a": 1}, {"a": 2}]
    rows = analyzer.backtest_parallel(own, panel, lambda one, data: {"n": len(data.dates)})
    assert rows["n"].tolist() == [100, 100], "nor does a function that is given a panel"
    assert len(read_ledger(store, "memory")) == 5


def test_sets_whose_block_is_lost_were_tried(analyzer, prices, tmp_path, monkeypatch):
    def lost(*_, **__):
        raise MemoryError("no room")

    monkeypatch.setattr("tasks.cluster.families._score", lost)
    table = analyzer.optimize_parameters_parallel(
        {"fast": [3, 5], "slow": [20]}, "ma_cross", panel_of(prices), ledger=str(tmp_path)
    )
    assert table["error"].str.contains("no room").all()
    known = read_ledger(Store(str(tmp_path)), "memory")
    assert len(known) == 2
    assert known["sharpe"].isna().all()


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
