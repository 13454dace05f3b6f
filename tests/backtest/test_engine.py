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


@pytest.mark.parametrize("labels", ["days", "text", "compact", "numbers", "minutes"])
def test_dated_prices_pay_the_duty_of_their_days_however_the_dates_are_written(labels):
    days = pd.DatetimeIndex(["2007-05-29", "2007-05-30", "2008-09-19", "2023-08-25", "2023-08-28"])
    index = {
        "days": days,
        "text": days.strftime("%Y-%m-%d"),
        "compact": days.strftime("%Y%m%d"),
        "numbers": days.strftime("%Y%m%d").astype(int),
        "minutes": days.tz_localize("Asia/Shanghai") + pd.Timedelta("10h"),
    }[labels]
    still = pd.DataFrame(10.0, index=index, columns=["600000.SH"])
    signals = pd.DataFrame([[1.0], [0.0], [1.0], [0.0], [0.0]], index=index, columns=still.columns)
    engine = GPUBacktestEngine(costs=CostConfig(commission_rate=0.0, slippage_bp=0.0))
    trades = engine.vectorized_backtest(still, signals)["trades"]
    assert trades["date"].tolist() == index[1:].tolist()
    rates = trades["stamp_duty"] / trades["value"]
    np.testing.assert_allclose(rates, [0.003, 0.001, 0.0, 0.0005], rtol=1e-12)


def test_prices_without_dates_pay_the_fixed_duty_on_sales_alone():
    still, signals = np.full((4, 1), 10.0), np.array([[1.0], [0.0], [0.0], [0.0]])
    frame = pd.DataFrame(still, index=list("abcd"))
    for table in (still, frame, frame.reset_index(drop=True)):
        trades = GPUBacktestEngine().vectorized_backtest(table, signals)["trades"]
        np.testing.assert_allclose(trades["stamp_duty"] / trades["value"], [0.0, 0.0005])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1, 1, 2], r"2024-01-02 00:00:00 in row 2 of the prices repeats"),
        ([0, 2, 1, 3], r"2024-01-02 00:00:00 in row 2 of the prices comes after a later one"),
    ],
)
def test_dates_that_go_back_or_repeat_are_named(order, message):
    table = prices(4, 2).iloc[order]
    with pytest.raises(UserError, match=message):
        GPUBacktestEngine().vectorized_backtest(table, np.ones(table.shape))


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
    for capital in (0, "100", None, np.nan):
        with pytest.raises(UserError, match="positive amount"):
            GPUBacktestEngine(initial_capital=capital)
