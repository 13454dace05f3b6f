"""Portfolios against the slow oracle; books that balance; orders that are refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.portfolio import simulate
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
TERMS = {"dividend": "cash_dividend", "bonus": "bonus_shares", "rights": "rights_shares",
         "rights_price": "rights_price"}  # fmt: skip


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
    volume = np.where(rest, 0.0, np.round(np.exp(rng.normal(8, 3, close.shape))))
    vwap = (open_ + close) / 2 * np.exp(rng.normal(0, 1e-4, close.shape))
    fields = {"open": open_, "close": close, "factor": np.cumprod(growth, axis=0)}
    fields |= {"volume": volume, "amount": np.nan_to_num(vwap) * volume}
    dates = np.busday_offset("2022-03-01", np.arange(days), roll="forward").astype("datetime64[D]")
    return Panel(dates, SYMBOLS, fields, "raw", "test")


def with_terms(panel, seed):
    """Dividends, bonus shares, rights and the end of a listing, on the panel's own prices."""
    rng = np.random.default_rng(seed + 1)

    def some(share, low, high):
        found = rng.random(panel.shape) < share
        return np.where(found, rng.uniform(low, high, panel.shape), 0.0)

    payout = np.full(panel.shape, np.nan)
    closed = len(panel.dates) * 3 // 4
    fields = {name: values.copy() for name, values in panel.fields.items() if name != "factor"}
    payout[closed, 1] = rng.choice([0.01, 1.25])
    for name in ("open", "close"):
        fields[name][closed:, 1] = np.nan
    fields["volume"][closed:, 1] = fields["amount"][closed:, 1] = 0.0
    dividend = np.round(some(0.05, 0.01, 0.04), 3)
    rights = some(0.05, 0.1, 0.5)
    fields |= {
        "cash_dividend": dividend, "bonus_shares": some(0.03, 0.1, 1.0), "rights_shares": rights,
        "rights_price": np.where(rights > 0, rng.choice([3.21, np.nan], panel.shape), 0.0),
        "delisting_payout": payout,
    }  # fmt: skip
    return Panel(panel.dates, panel.symbols, fields, "unadjusted", "test")


def random_targets(panel, seed, keep=0.3):
    rng = np.random.default_rng(seed)
    weights = rng.random(panel.shape) * (rng.random(panel.shape) < 0.6)
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total > 0, total, 1) * rng.choice([1.0, 1.0, 1.3], (len(weights), 1))
    weights[rng.random(len(weights)) < keep] = np.nan
    return weights


def random_shares(panel, seed):
    weights = random_targets(panel, seed)
    return np.where(np.isnan(weights), np.nan, np.round(weights * 20_000))


def random_signals(panel, seed):
    rng = np.random.default_rng(seed)
    change = rng.random(panel.shape) < 0.1
    return np.cumsum(change, axis=0) % 2 * 1.0


def parts_of(signals):
    """Equal weights where a row's stocks differ from those of the row before, else NaN."""
    active = signals > 0
    parts = active / np.maximum(active.sum(axis=1, keepdims=True), 1)
    parts[1:][(active[1:] == active[:-1]).all(axis=1)] = np.nan
    return parts


def expected(
    panel, targets, rules, cash, fill="next_open", kind="weights", cap=0.0, subscribe=True,
    retry=False,
):  # fmt: skip
    rates = day_costs(CostConfig(), panel.dates, rules)
    traded = np.where(panel["volume"] > 0, panel["volume"], np.nan)
    price = {"next_open": panel["open"], "next_close": panel["close"],
             "next_vwap": panel["amount"] / traded}[fill]  # fmt: skip
    bars = {"fill": price, "close": panel["close"], "volume": panel["volume"]}
    ones = np.ones(panel.shape[1])
    minimum, lot = ones, ones
    if rules is not None:
        bars["up"], bars["down"] = limits(panel, rules)
        minimum, lot = rules.lots(panel.symbols, str(panel.dates[-1]))
    if "factor" in panel:
        bars["factor"] = panel["factor"]
    else:
        bars |= {short: panel[name] for short, name in TERMS.items()}
        bars["payout"] = panel["delisting_payout"]
    how = {
        "rates": [rates.commission, rates.stamp_buy, rates.stamp_sell, rates.transfer],
        "smallest": rates.commission_minimum, "slippage": rates.slippage, "minimum": minimum,
        "lot": lot, "ruled": rules is not None, "kind": kind, "cap": cap, "subscribe": subscribe,
        "retry": retry,
        "touch": 0.005 if fill == "next_vwap" else 1e-6,
    }  # fmt: skip
    return oracle.run({k: v.tolist() for k, v in bars.items()}, targets.tolist(), how, cash)


@settings(max_examples=50)
@given(
    st.integers(0, 10**6), st.integers(2, 80), st.booleans(), st.booleans(),
    st.sampled_from([3_000.0, 50_000.0, 1e6, 1e9]),
    st.sampled_from(["next_open", "next_close", "next_vwap"]),
    st.sampled_from(["weights", "shares", "signals"]), st.sampled_from([0.0, 0.1]), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_books_equal_the_oracle(seed, days, ruled, terms, cash, fill, kind, cap, subscribe, retry):
    panel, rules = raw_market(days, seed), RULES if ruled else None
    panel = with_terms(panel, seed) if terms else panel
    make = {"weights": random_targets, "shares": random_shares, "signals": random_signals}[kind]
    targets = make(panel, seed)
    result = simulate(
        panel, targets, rules, CostConfig(), cash, fill, kind=kind, volume_cap=cap,
        rights="subscribe" if subscribe else "lapse", retry=None if kind == "signals" else retry,
    )  # fmt: skip
    if kind == "signals":
        targets, retry = parts_of(targets), True
    equity, money, shares, trades, refusals, actions = expected(
        panel, targets, rules, cash, fill, kind, cap, subscribe, retry
    )
    np.testing.assert_allclose(result.equity, equity, rtol=1e-12, atol=1e-13 * cash)
    np.testing.assert_allclose(result.cash, money, atol=1e-9 * cash)
    np.testing.assert_allclose(result.positions, shares, rtol=1e-9, atol=1e-9 + 1e-15 * cash)
    fills = [
        (t, n, c.replace("lots", "whole lots"), abs(q), p, f) for t, n, q, p, f, *_, c in trades
    ]
    same(panel, result.trades, ["cut", "shares", "price", "commission"], fills, 1e-15 * cash)
    same(panel, result.refusals, ["reason"], refusals)
    same(panel, result.actions, ["kind", "shares", "cash"], actions, 1e-15 * cash)


def same(panel, frame, columns, rows, atol=0.0):
    """The frame's columns say what the oracle's rows (row, column, ...) say."""
    rows = sorted(rows, key=lambda row: row[:2])
    assert [str(d)[:10] for d in frame["date"]] == [str(panel.dates[r[0]]) for r in rows]
    assert frame["symbol"].tolist() == [SYMBOLS[r[1]] for r in rows]
    for place, name in enumerate(columns, start=2):
        theirs = [row[place] for row in rows]
        if frame[name].dtype.kind == "f":
            np.testing.assert_allclose(frame[name], theirs, rtol=1e-9, atol=1e-9 + atol)
        else:
            assert frame[name].tolist() == theirs


@settings(max_examples=50)
@given(
    st.integers(0, 10**6), st.integers(2, 80), st.booleans(), st.booleans(),
    st.sampled_from([0.0, 0.1]),
)  # fmt: skip
def test_books_balance_to_the_cent(seed, days, ruled, terms, cap):
    panel, rules = raw_market(days, seed), RULES if ruled else None
    panel = with_terms(panel, seed) if terms else panel
    result = simulate(panel, random_targets(panel, seed), rules, CostConfig(), 1e6, volume_cap=cap)
    row = {str(d): t for t, d in enumerate(panel.dates)}
    flow, moved = np.zeros(days), np.zeros(panel.shape)
    for trade in result.trades.itertuples():
        t, n = row[str(trade.date)[:10]], panel.column(trade.symbol)
        fees = trade.commission + trade.stamp_duty + trade.transfer_fee
        sign = -1 if trade.side == "buy" else 1
        flow[t] += sign * trade.value - fees
        moved[t, n] -= sign * trade.shares
        assert abs(trade.value - trade.shares * trade.price) < 0.005 + 1e-9
        assert trade.shares <= trade.wanted * (1 + 1e-12)
        assert bool(trade.cut) == (trade.shares < trade.wanted * (1 - 1e-12))
    for action in result.actions.itertuples():
        t, n = row[str(action.date)[:10]], panel.column(action.symbol)
        flow[t] += action.cash
        moved[t, n] += 0.0 if action.kind.startswith("rights lapsed") else action.shares
    np.testing.assert_allclose(result.cash, 1e6 + np.cumsum(flow), atol=0.005)
    np.testing.assert_allclose(result.positions, np.cumsum(moved, axis=0), rtol=1e-9, atol=1e-6)
    held = np.nansum(result.positions * marks(panel), axis=1)
    np.testing.assert_allclose(result.equity, result.cash + held, atol=0.005)
    if ruled:
        np.testing.assert_allclose(result.cash, np.round(result.cash, 2), atol=1e-6)
        np.testing.assert_allclose(result.cash, 1e6 + np.cumsum(flow), atol=1e-6)
    assert (result.cash >= 0).all()
    assert (result.positions >= 0).all()
    np.testing.assert_allclose(
        result.fees.sum(),
        result.trades[["commission", "stamp_duty", "transfer_fee"]].to_numpy().sum(),
        atol=0.005,
    )


def marks(panel):
    """The last close of each cell, made ex-right."""
    carried = panel["close"].copy()
    for t in range(1, len(carried)):
        empty = np.isnan(carried[t])
        if "factor" in panel:
            before = carried[t - 1] / (panel["factor"][t] / panel["factor"][t - 1])
        else:
            cash, bonus, rights, asked = (panel[name][t] for name in TERMS.values())
            rights = np.where(asked > 0, rights, 0.0)
            asked = np.where(asked > 0, asked, 0.0)
            before = (carried[t - 1] - cash + rights * asked) / (1 + bonus + rights)
        carried[t, empty] = before[empty]
    return carried


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(2, 80), st.booleans())
def test_one_stock_follows_its_signal_on_the_first_day_it_can_trade(seed, days, ruled):
    panel = raw_market(days, seed, holes=0.3, moves=0.08).columns([0])
    signals, up, down = random_signals(panel, seed), *limits(panel, RULES)
    rules = RULES if ruled else None
    result = simulate(panel, signals, rules, CostConfig(), 1e9, kind="signals")
    held = False
    for t in range(1, days):
        price, wanted = panel["open"][t, 0], signals[t - 1, 0] > 0
        shut = ruled and (price >= up[t, 0] if wanted else price <= down[t, 0])
        if not np.isnan(price) and not shut:
            held = wanted
        assert (result.positions[t, 0] > 0) == held


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


def test_an_odd_lot_leaves_in_one_order():
    dates = np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]")
    price = np.full((7, 1), 10.0)
    factor = np.array([1.0, 1.0, 1.25, 1.25, 1.25, 1.25, 1.25])[:, None]
    panel = Panel(dates, ("600000.SH",), {"open": price, "close": price, "factor": factor}, "raw")
    targets = np.full((7, 1), np.nan)
    targets[0], targets[3], targets[5] = 0.5, 0.25, 0.0
    result = simulate(panel, targets, RULES, CostConfig.free(), 3_000.0)
    # 100 bought (150 wished), 125 after the bonus; 44 shall leave: the odd lot of 25 does
    np.testing.assert_array_equal(result.positions[:, 0], [0, 100, 125, 125, 100, 100, 0])


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
    last = result.actions.iloc[-1]
    assert last["kind"] == "no price for 250 sessions"
    assert last["cash"] / -last["shares"] == pytest.approx(panel["close"][49, 1])
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
