"""Portfolios against the slow oracle; books that balance; orders that are refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.portfolio import share_growth, simulate
from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.market.rules import a_share_rules
from tasks.market.rules_limits import limits


def _load(name):
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load("books_oracle")
market = _load("conftest").market
RULES = a_share_rules()
SYMBOLS = ("600000.SH", "300001.SZ", "688001.SH", "830799.BJ", "000001.SZ")


def raw_market(days, seed, holes=0.1, moves=0.05):
    """Prices in cents with splits, suspensions, limit days and all boards."""
    rng = np.random.default_rng(seed)
    count = len(SYMBOLS)
    growth = np.where(rng.random((days, count)) < 0.02, rng.uniform(1.1, 2.0, (days, count)), 1.0)
    close = rng.uniform(3, 200, count) * np.exp(
        np.cumsum(rng.normal(0, moves, (days, count)) - np.log(growth), axis=0)
    )
    close = np.maximum(np.round(close, 2), 0.05)
    open_ = np.maximum(np.round(close * np.exp(rng.normal(0, moves / 2, close.shape)), 2), 0.05)
    rest = rng.random(close.shape) < holes
    rest[0] = False
    close[rest] = np.nan
    open_[rest] = np.nan
    fields = {"open": open_, "close": close, "factor": np.cumprod(growth, axis=0)}
    dates = np.busday_offset("2022-03-01", np.arange(days), roll="forward").astype("datetime64[D]")
    return Panel(dates, SYMBOLS, fields, "raw", "test")


def random_targets(panel, seed, keep=0.3):
    rng = np.random.default_rng(seed)
    weights = rng.random(panel.shape) * (rng.random(panel.shape) < 0.6)
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total > 0, total, 1) * rng.choice([1.0, 1.0, 1.3], (len(weights), 1))
    weights[rng.random(len(weights)) < keep] = np.nan
    return weights


def expected(panel, targets, rules, costs, cash, fill="next_open"):
    rates = day_costs(costs, panel.dates, rules)
    price = panel["open" if fill == "next_open" else "close"]
    ruled = rules is not None
    up, down = limits(panel, rules) if ruled else (panel["close"], panel["close"])
    ones = np.ones(panel.shape[1])
    minimum, lot = rules.lots(panel.symbols, str(panel.dates[-1])) if ruled else (ones, ones)
    return oracle.run(
        targets.tolist(), price.tolist(), panel["close"].tolist(), share_growth(panel).tolist(),
        up.tolist(), down.tolist(), minimum.tolist(), lot.tolist(),
        [list(r) for r in (rates.commission, rates.stamp_buy, rates.stamp_sell, rates.transfer)],
        rates.commission_minimum, rates.slippage, ruled, cash,
    )  # fmt: skip


@settings(max_examples=60)
@given(
    st.integers(0, 10**6), st.integers(2, 80), st.booleans(),
    st.sampled_from([3_000.0, 50_000.0, 1e6, 1e9]), st.sampled_from(["next_open", "next_close"]),
)  # fmt: skip
def test_books_equal_the_oracle(seed, days, ruled, cash, fill):
    panel, rules = raw_market(days, seed), RULES if ruled else None
    targets, costs = random_targets(panel, seed), CostConfig()
    result = simulate(panel, targets, rules, costs, cash, fill)
    equity, money, trades, refusals = expected(panel, targets, rules, costs, cash, fill)
    np.testing.assert_allclose(result.equity, equity, rtol=1e-12)
    np.testing.assert_allclose(result.cash, money, atol=1e-9 * cash)
    assert len(result.trades) == len(trades)
    assert len(result.refusals) == len(refusals)
    seen = {
        (str(d)[:10], s, r)
        for d, s, r in result.refusals[["date", "symbol", "reason"]].itertuples(index=False)
    }
    assert seen == {(str(panel.dates[t]), SYMBOLS[n], r) for t, n, r in refusals}


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 80), st.booleans())
def test_books_balance_to_the_cent(seed, days, ruled):
    panel, rules = raw_market(days, seed), RULES if ruled else None
    result = simulate(panel, random_targets(panel, seed), rules, CostConfig(), 1e6)
    row = {str(d): t for t, d in enumerate(panel.dates)}
    flow = np.zeros(days)
    for trade in result.trades.itertuples():
        fees = trade.commission + trade.stamp_duty + trade.transfer_fee
        sign = -1 if trade.side == "buy" else 1
        flow[row[str(trade.date)[:10]]] += sign * trade.value - fees
    np.testing.assert_allclose(result.cash, 1e6 + np.cumsum(flow), atol=0.005)
    carried = panel["close"].copy()
    for t in range(1, days):
        empty = np.isnan(carried[t])
        carried[t, empty] = (carried[t - 1] / share_growth(panel)[t])[empty]
    held = np.nansum(result.positions * carried, axis=1)
    np.testing.assert_allclose(result.equity, result.cash + held, atol=0.005)
    assert (result.cash >= 0).all()
    assert (result.positions >= 0).all()
    np.testing.assert_allclose(
        result.fees.sum(),
        result.trades[["commission", "stamp_duty", "transfer_fee"]].to_numpy().sum(),
        atol=0.005,
    )


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(10, 60), st.booleans())
def test_the_future_never_changes_the_past(seed, days, ruled):
    panel, rules = raw_market(days, seed), RULES if ruled else None
    targets = random_targets(panel, seed)
    whole = simulate(panel, targets, rules)
    past = simulate(panel.rows(slice(0, days // 2)), targets[: days // 2], rules)
    np.testing.assert_array_equal(whole.equity[: days // 2], past.equity)
    np.testing.assert_array_equal(whole.positions[: days // 2], past.positions)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 80))
def test_rules_hold_for_every_trade(seed, days):
    panel = raw_market(days, seed)
    result = simulate(panel, random_targets(panel, seed), RULES, CostConfig(), 1e6)
    up, down = limits(panel, RULES)
    for trade in result.trades.itertuples():
        t = int(np.searchsorted(panel.dates, np.datetime64(trade.date, "D")))
        n = panel.column(trade.symbol)
        assert not np.isnan(panel["close"][t, n])
        if trade.side == "buy":
            assert panel["open"][t, n] < up[t, n] or np.isnan(up[t, n])
            assert trade.price <= up[t, n] or np.isnan(up[t, n])
            minimum = {"688001.SH": 200}.get(trade.symbol, 100)
            step = 1 if trade.symbol in ("688001.SH", "830799.BJ") else 100
            assert trade.shares >= minimum
            assert trade.shares % step == 0
        else:
            assert panel["open"][t, n] > down[t, n] or np.isnan(down[t, n])
        assert trade.commission >= 5.0
        for fee in (trade.commission, trade.stamp_duty, trade.transfer_fee):
            assert abs(fee * 100 - round(fee * 100)) < 1e-6


def test_a_split_changes_nothing_but_the_count():
    dates = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]")
    price = np.array([[10.0], [10.0], [10.0], [5.0], [5.0], [5.0]])
    factor = np.array([[1.0], [1.0], [1.0], [2.0], [2.0], [2.0]])
    panel = Panel(dates, ("600000.SH",), {"open": price, "close": price, "factor": factor}, "raw")
    targets = np.array([[1.0], *[[np.nan]] * 5])
    result = simulate(panel, targets, None, CostConfig.free(), 1000.0)
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-11)
    np.testing.assert_allclose(result.positions[:, 0], [0, 100, 100, 200, 200, 200], rtol=1e-11)


def test_a_split_during_a_suspension_changes_nothing_but_the_count():
    dates = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]")
    price = np.array([[10.0], [10.0], [np.nan], [np.nan], [5.0], [5.0]])
    factor = np.array([[1.0], [1.0], [1.0], [2.0], [2.0], [2.0]])
    panel = Panel(dates, ("600000.SH",), {"open": price, "close": price, "factor": factor}, "raw")
    result = simulate(panel, np.array([[1.0], *[[np.nan]] * 5]), None, CostConfig.free(), 1000.0)
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-11)


def test_odd_lots_leave_with_the_whole_position():
    dates = np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]")
    price = np.full((7, 1), 10.0)
    factor = np.array([1.0, 1.0, 1.25, 1.25, 1.25, 1.25, 1.25])[:, None]
    panel = Panel(dates, ("600000.SH",), {"open": price, "close": price, "factor": factor}, "raw")
    targets = np.full((7, 1), np.nan)
    targets[0], targets[3], targets[5] = 0.5, 0.25, 0.0
    result = simulate(panel, targets, RULES, CostConfig.free(), 3_000.0)
    # 100 bought (150 wished), 125 after the bonus; a part can only leave in hundreds
    np.testing.assert_array_equal(result.positions[:, 0], [0, 100, 125, 125, 125, 125, 0])


def test_a_position_without_prices_is_written_off_in_time():
    panel = market(400, 2)
    fields = {n: panel[n].copy() for n in ("open", "close")}
    for values in fields.values():
        values[50:, 1] = np.nan
    panel = Panel(panel.dates, panel.symbols, fields)
    targets = np.full(panel.shape, np.nan)
    targets[0] = 0.5
    targets[60] = [0.5, 0.0]
    result = simulate(panel, targets, None, CostConfig.free())
    assert result.refusals[["symbol", "side", "reason"]].to_numpy().tolist() == [
        ["600001.SH", "sell", "suspended"]
    ]
    last = result.trades.iloc[-1]
    assert last["reason"] == "no price for 250 sessions"
    assert last["price"] == panel["close"][49, 1]
    assert np.datetime64(last["date"], "D") == panel.dates[300]
    assert result.positions[300, 1] == 0.0
    np.testing.assert_allclose(
        np.diff(result.equity)[299], np.diff(panel["close"][:, 0])[299] * result.positions[299, 0]
    )


def test_fractions_and_exposure():
    panel = market(60, 3)
    targets = np.full(panel.shape, np.nan)
    targets[4] = [0.25, 0.25, 0.0]
    result = simulate(panel, targets, None, CostConfig.free())
    assert result.exposure[4] == 0.0
    assert result.exposure[5] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(result.equity, 1e6 * np.cumprod(1 + result.returns))
    assert result.turnover[5] == pytest.approx(0.5)


def test_all_in_pays_its_fees_out_of_the_same_cash():
    panel = market(10, 1)
    targets = np.full(panel.shape, np.nan)
    targets[0] = 1.0
    costs = CostConfig(commission_rate=0.003, official_fees="fixed", stamp_duty=0.0,
                       transfer_fee=0.0, slippage_bp=10.0)  # fmt: skip
    result = simulate(panel, targets, None, costs, 1e6)
    assert 0 <= result.cash[1] < 1e-3
    shares = 1e6 / (panel["open"][1, 0] * 1.001 * 1.003)
    assert result.positions[1, 0] == pytest.approx(shares, rel=1e-9)


@pytest.mark.parametrize(
    ("targets", "arguments", "message"),
    [
        (np.full((10, 2), 0.6), {}, "sum to 1.2"),
        (np.full((10, 2), -0.1), {}, "weight between 0 and 1"),
        (np.array([[0.5, np.nan]] * 10), {}, "600001.SH on 2021-01-04 is nan"),
        (np.full((10, 3), 0.1), {}, "targets have shape"),
        (np.full((10, 2), 0.1), {"cash": 0.0}, "positive amount"),
    ],
)
def test_wrong_targets_are_explained(targets, arguments, message):
    with pytest.raises(UserError, match=message):
        simulate(market(10, 2), targets, **arguments)


def test_rules_refuse_adjusted_prices_and_indices_are_not_bought():
    panel = raw_market(20, 0)
    with pytest.raises(UserError, match="give the raw panel"):
        simulate(panel.adjusted(), random_targets(panel, 0), RULES)
    index = Panel(panel.dates, panel.symbols, panel.fields, "raw", benchmarks=("600000.SH",))
    with pytest.raises(UserError, match="index and cannot be bought"):
        simulate(index, random_targets(panel, 0), RULES)
