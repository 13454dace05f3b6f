"""Every family against its slow oracle; causality; blocks; errors."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.kernels.bits import unpacked
from tasks.backtest.ranking import rank_levels
from tasks.backtest.strategies.family import StockBars
from tasks.backtest.strategies.registry import FAMILIES, family
from tasks.backtest.sweep import first_row, sweep, sweep_block
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


oracle = _load("strategies_oracle")
market = _load("conftest").market
COSTS = CostConfig(slippage_bp=7.0)
GRIDS = {
    "ma_cross": {"fast": (2, 7), "slow": (5, 20)},
    "macd": {"fast": (3, 6), "slow": (8, 13), "signal": (1, 4)},
    "breakout": {"enter": (5, 20), "leave": (3, 5)},
    "rsi_reversal": {"window": (2, 6), "enter": (25, 40.5), "leave": (55, 70)},
    "bollinger": {"window": (5, 15), "width": (0.8, 1.5), "leave": (0, 1)},
    "momentum": {"lookback": (5, 20), "skip": (0, 3), "top": (20, 50), "every": (3, 5)},
    "reversal": {"lookback": (1, 5), "skip": (0,), "top": (34,), "every": (1, 4)},
    "volatility_target": {"window": (5, 10), "target": (15, 30), "step": (0, 10)},
}


def bars_of(panel, n):
    rows = np.flatnonzero(~np.isnan(panel["close"][:, n]))
    return rows, StockBars(*(panel[f][rows, n] for f in ("open", "high", "low", "close")))


def test_every_family_is_tested():
    assert set(GRIDS) == set(FAMILIES)


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.wanted])
def test_wishes_equal_the_oracle(name, small_market):
    sets = combinations(name, GRIDS[name])
    for n in range(small_market.shape[1]):
        _, bars = bars_of(small_market, n)
        lists = {f: list(getattr(bars, f)) for f in ("open", "high", "low", "close")}
        wanted = unpacked(family(name).wanted(sets.values)(bars), len(bars.close))
        for k, values in enumerate(sets.values):
            arguments = [float(v) if v != int(v) else int(v) for v in values]
            expected = getattr(oracle, name)(lists, *arguments)
            np.testing.assert_array_equal(wanted[k], expected, err_msg=str(values))
        assert 0 < wanted.mean() < 1


@pytest.mark.parametrize("name", ["momentum", "reversal"])
def test_rankings_equal_the_oracle(name, small_market):
    """Through the sums of the sweep: the wishes of every stock make the trials' returns."""
    sets = combinations(name, GRIDS[name])
    first = first_row(small_market, sets)
    levels = rank_levels(small_market, sets, None, first)
    block = sweep_block(small_market, sets, None, levels, costs=COSTS, first=first)
    rates = day_costs(COSTS, small_market.dates)
    sign = 1 if name == "momentum" else -1
    table = sweep(small_market, name, GRIDS[name], COSTS)
    for k, values in enumerate(sets.values):
        lookback, skip, top, every = values
        wishes = oracle.ranking(
            small_market, int(lookback), int(skip), top, int(every), first, sign
        )
        total = np.zeros(len(wishes))
        for n in range(small_market.shape[1]):
            rows, bars = bars_of(small_market, n)
            follow = [1.0 if wishes[t][n] else 0.0 for t in rows]
            returns = oracle.partial_account(
                list(bars.open), list(bars.close), follow, 1e-9, list(rates.buy[rows]),
                list(rates.sell[rows]), rates.slippage, int(np.searchsorted(rows, first)),
            )  # fmt: skip
            total[rows] += returns
        np.testing.assert_allclose(block.sums[k] / 1e13, total, atol=1e-11)
        holding = np.cumsum(block.buys[k].astype(int) - block.sells[k]) // 1000
        sharing = np.maximum(np.maximum(holding, np.concatenate([[0], holding[:-1]])), 1)
        np.testing.assert_allclose(table.returns[k], (total / sharing)[first:], atol=1e-11)


def test_partial_accounts_equal_the_oracle(small_market):
    name = "volatility_target"
    sets = combinations(name, GRIDS[name])
    table = sweep(small_market, name, GRIDS[name], COSTS)
    rates = day_costs(COSTS, small_market.dates)
    first = len(small_market.dates) - len(table.dates)
    for k, values in enumerate(sets.values):
        total, breadth = np.zeros(len(small_market.dates)), np.zeros(len(small_market.dates))
        for n in range(small_market.shape[1]):
            rows, bars = bars_of(small_market, n)
            weights = oracle.volatility_target(
                {"close": list(bars.close)}, int(values[0]), values[1], values[2]
            )
            returns = oracle.partial_account(
                list(bars.open), list(bars.close), weights, values[2] / 100, list(rates.buy[rows]),
                list(rates.sell[rows]), rates.slippage, int(np.searchsorted(rows, first)),
            )  # fmt: skip
            total[rows] += returns
            breadth[rows] += 1
            assert table.pairs["total_return"][k, n] == pytest.approx(
                np.prod(1 + np.array(returns)) - 1, abs=1e-11
            )
        np.testing.assert_allclose(table.returns[k], (total / breadth)[first:], atol=1e-11)
    assert table.frame["turnover"].between(0.1, 200).all()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_future_never_changes_the_past(name):
    panel = market(160, 5, seed=3, holes=0.1)
    sets = combinations(name, GRIDS[name])
    whole, past = (
        sweep_block(p, sets, None, rank_levels(p, sets, None, 40), costs=COSTS, first=40)
        for p in (panel, panel.rows(slice(0, 120)))
    )
    np.testing.assert_array_equal(whole.sums[:, :120], past.sums)
    np.testing.assert_array_equal(whole.buys[:, :120], past.buys)
    assert whole.buys[:, :120].any()


@settings(max_examples=16)
@given(
    st.sampled_from(sorted(FAMILIES)), st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 9)
)
def test_no_block_size_or_order_changes_a_bit(name, seed, width, depth):
    panel = market(90, 5, seed=seed, holes=0.15)
    universe = np.random.default_rng(seed).random(panel.shape) < 0.9
    whole = sweep(panel, name, GRIDS[name], COSTS, universe=universe)

    def backwards(function, *columns):
        return [function(*arguments) for arguments in reversed(list(zip(*columns, strict=True)))]

    parts = sweep(
        panel, name, GRIDS[name], COSTS, universe=universe, map=backwards,
        trials_per_block=depth, symbols_per_block=width,
    )  # fmt: skip
    assert whole.frame.equals(parts.frame)
    assert whole.returns.tobytes() == parts.returns.tobytes()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_prices_that_do_not_move_earn_nothing(name):
    panel = market(120, 4)
    still = {n: np.full(panel.shape, 0.1 + 0.2) for n in ("open", "high", "low", "close")}
    table = sweep(panel.with_fields(**still), name, GRIDS[name], CostConfig.free())
    np.testing.assert_allclose(table.returns, 0.0, atol=1e-15)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_usual_grid_is_sensible_and_named(name):
    kind = family(name)
    sets = combinations(name, kind.usual_grid)
    assert 20 <= len(sets) <= 2000
    assert all(p.meaning for p in kind.parameters)
    assert sum(x is not None for x in (kind.wanted, kind.scores, kind.weights)) == 1


def test_limits_block_orders():
    """A sealed stock is bought a day later, at the next price that is free."""
    close = np.array([10, 10, 10, 11, 12.1, 12.5, 12.5, 12.5])[:, None]
    open_ = np.array([10, 10, 10, 10, 12.1, 12.2, 12.5, 12.5])[:, None]
    panel = Panel(
        np.arange("2024-01-01", "2024-01-09", dtype="datetime64[D]"), ("600000.SH",),
        {"open": open_, "high": np.maximum(open_, close), "low": open_, "close": close},
    )  # fmt: skip
    sets = {"fast": (1,), "slow": (3,)}
    rules = a_share_rules()
    assert limits(panel, rules)[0][4, 0] == 12.1
    free = sweep(panel, "ma_cross", sets, CostConfig.free())
    bound = sweep(panel, "ma_cross", sets, CostConfig.free(), rules=rules)
    assert free.pairs["total_return"][0, 0] == pytest.approx(12.5 / 12.1 - 1)
    assert bound.pairs["total_return"][0, 0] == pytest.approx(12.5 / 12.2 - 1)


def test_a_ranking_needs_its_levels(small_market):
    sets = combinations("momentum", GRIDS["momentum"])
    with pytest.raises(UserError, match="compares stocks with each other"):
        sweep_block(small_market, sets, costs=COSTS)


def test_limits_need_raw_prices(small_market):
    adjusted = Panel(small_market.dates, small_market.symbols, small_market.fields, "adjusted")
    with pytest.raises(UserError, match="give the raw panel"):
        sweep(adjusted, "ma_cross", GRIDS["ma_cross"], rules=a_share_rules())
