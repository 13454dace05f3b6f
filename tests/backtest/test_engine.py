"""The ancestor's engine by name, and none of its faults."""

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.backtest import GPUBacktestEngine
from tasks.backtest.config import CostConfig
from tasks.errors import UserError


def prices(days=250, count=50, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        10 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, (days, count)), axis=0)),
        index=pd.bdate_range("2024-01-01", periods=days),
        columns=[f"{600000 + i}.SH" for i in range(count)],
    )


def test_the_snippet_runs():
    table = prices()
    signals = (table > table.rolling(20).mean()).astype(int)
    engine = GPUBacktestEngine(initial_capital=1000000)
    results = engine.vectorized_backtest(table, signals)
    assert results["equity_curve"].index.equals(table.index)
    assert results["final_value"] == results["equity_curve"].iloc[-1]
    assert results["total_return"] == pytest.approx(results["final_value"] / 1e6 - 1)
    assert results["n_trades"] == len(results["trades"]) > 0
    assert -1 < results["max_drawdown"] < 0
    assert np.isfinite(results["sharpe_ratio"])
    assert set(results["trades"]["symbol"]) <= set(table.columns)
    assert results["trades"]["date"].isin(table.index).all()


def test_always_long_fifty_stocks_earns_their_mean_not_their_sum():
    table = prices()
    results = GPUBacktestEngine(costs=CostConfig.free()).vectorized_backtest(
        table, np.ones(table.shape)
    )
    # bought once at the second bar, in equal parts, and held
    expected = (table.iloc[-1] / table.iloc[1]).mean() - 1
    assert results["total_return"] == pytest.approx(expected, rel=1e-9)
    assert (results["positions"] >= 0).all().all()


def test_short_signals_hold_nothing():
    table = prices(60, 3)
    results = GPUBacktestEngine().vectorized_backtest(table, -np.ones(table.shape))
    assert results["n_trades"] == 0
    assert results["total_return"] == 0.0
    assert np.isnan(results["sharpe_ratio"])


def test_the_opening_trade_is_charged():
    still = np.full((5, 1), 10.0)
    costs = CostConfig(commission_rate=0.001, official_fees="fixed", stamp_duty=0.0,
                       transfer_fee=0.0, slippage_bp=0.0)  # fmt: skip
    results = GPUBacktestEngine(costs=costs).vectorized_backtest(still, np.ones((5, 1)))
    assert results["n_trades"] == 1
    assert results["total_return"] == pytest.approx(1 / 1.001 - 1, rel=1e-9)


def test_a_signal_is_not_filled_at_the_close_that_made_it():
    price = np.array([10.0, 20.0, 20.0, 10.0, 10.0])
    # the signal knows each bar's own move: on the same close it would double the money
    signal = np.array([0, 1, 0, 0, 0])
    results = GPUBacktestEngine(costs=CostConfig.free()).vectorized_backtest(price, signal)
    np.testing.assert_allclose(results["equity_curve"], [1e6, 1e6, 1e6, 5e5, 5e5])


def test_kinds_in_are_kinds_out():
    table = prices(80, 4)
    signals = (table > table.shift(1)).astype(float)
    engine = GPUBacktestEngine()
    frame = engine.vectorized_backtest(table, signals)
    array = engine.vectorized_backtest(table.to_numpy(), signals.to_numpy())
    tensor = engine.vectorized_backtest(
        torch.from_numpy(table.to_numpy().copy()), torch.from_numpy(signals.to_numpy().copy())
    )
    assert isinstance(frame["equity_curve"], pd.Series)
    assert isinstance(array["equity_curve"], np.ndarray)
    assert isinstance(tensor["equity_curve"], torch.Tensor)
    np.testing.assert_array_equal(frame["equity_curve"], array["equity_curve"])
    np.testing.assert_array_equal(tensor["equity_curve"].numpy(), array["equity_curve"])
    one = engine.vectorized_backtest(table.iloc[:, 0], signals.iloc[:, 0])
    assert one["positions"].shape == (80, 1)


def test_a_bar_without_a_price_does_not_trade():
    table = prices(30, 2)
    table.iloc[5:9, 0] = np.nan
    signals = np.zeros((30, 2))
    signals[4:6, 0] = 1
    results = GPUBacktestEngine().vectorized_backtest(table, signals)
    assert results["n_trades"] == 0
    assert len(results["refusals"]) == 1
    assert results["refusals"]["reason"].iloc[0] == "suspended"


@pytest.mark.parametrize(
    ("price", "signal", "message"),
    [
        (np.ones((5, 2)), np.ones((5, 3)), "give one signal for each price"),
        (np.zeros((5, 2)), np.ones((5, 2)), "give positive prices"),
        (np.full((5, 1), np.inf), np.ones((5, 1)), "give positive prices"),
        (np.ones((0, 2)), np.ones((0, 2)), "are empty"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), "has 3 dimensions|have 3 dimensions"),
    ],
)
def test_wrong_use_is_explained(price, signal, message):
    with pytest.raises(UserError, match=message):
        GPUBacktestEngine().vectorized_backtest(price, signal)


def test_misaligned_labels_are_refused():
    table = prices(30, 2)
    with pytest.raises(UserError, match="different labels"):
        GPUBacktestEngine().vectorized_backtest(table, table[table.columns[::-1]])
    with pytest.raises(UserError, match="positive amount"):
        GPUBacktestEngine(initial_capital=0)
