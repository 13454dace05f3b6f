"""Sweeps against the slow oracle; both designs; blocks of any size."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backtest.blocks import finish, merge
from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.costs import day_costs
from tasks.backtest.scoring import TOGETHER
from tasks.backtest.stream import Leaders, read_pairs
from tasks.backtest.sweep import first_row, sweep, sweep_block
from tasks.data import trialsets
from tasks.data.panel import Panel
from tasks.data.store import Store
from tasks.errors import UserError


def _load(name):
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load("sweep_oracle")
market = _load("conftest").market
GRID = {"fast": (3, 5, 10), "slow": (8, 10, 30)}
COSTS = CostConfig(slippage_bp=7.0)


def test_every_trial_equals_the_oracle(small_market):
    table = sweep(small_market, "ma_cross", GRID, COSTS)
    rates = day_costs(COSTS, small_market.dates)
    assert len(table.frame) == 7  # 10 against 8 and 10 against 10 are left out
    for k, (fast, slow) in enumerate(table.combinations.values.astype(int)):
        expected = oracle.trial(
            small_market, fast, slow, list(rates.buy), list(rates.sell), rates.slippage, 30
        )
        np.testing.assert_allclose(table.returns[k], expected[30:], rtol=0, atol=2e-13)


def test_every_pair_equals_the_oracle(small_market):
    table = sweep(small_market, "ma_cross", GRID, COSTS)
    rates = day_costs(COSTS, small_market.dates)
    for n in range(small_market.shape[1]):
        rows = np.flatnonzero(~np.isnan(small_market["close"][:, n]))
        begin = int(np.searchsorted(rows, 30))
        for k, (fast, slow) in enumerate(table.combinations.values.astype(int)):
            returns, values, trades = oracle.account(
                list(small_market["open"][rows, n]), list(small_market["close"][rows, n]),
                fast, slow, list(rates.buy[rows]), list(rates.sell[rows]), rates.slippage, begin,
            )  # fmt: skip
            scored = np.array(returns[begin:])
            assert table.pairs["total_return"][k, n] == pytest.approx(values[-1] - 1, abs=1e-12)
            assert table.pairs["trades"][k, n] == trades
            high = np.maximum.accumulate(np.array([1.0, *values]))
            fall = (np.array([1.0, *values]) / high - 1).min()
            assert table.pairs["max_drawdown"][k, n] == pytest.approx(fall, abs=1e-12)
            if scored.std() > 0:
                ratio = scored.mean() / scored.std(ddof=1) * np.sqrt(244)
                assert table.pairs["sharpe"][k, n] == pytest.approx(ratio, abs=1e-10)
            else:
                assert np.isnan(table.pairs["sharpe"][k, n])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(2, 90), st.floats(0, 0.4), st.integers(1, 5),
    st.integers(1, 9), st.sampled_from(["next_open", "next_close"]),
)  # fmt: skip
def test_no_block_size_or_order_changes_a_bit(seed, extra, holes, width, depth, fill):
    panel = market(40 + extra, 5, seed=seed, holes=holes)
    whole = sweep(panel, "ma_cross", GRID, COSTS, fill=fill)

    def backwards(function, *columns):
        return [function(*arguments) for arguments in reversed(list(zip(*columns, strict=True)))]

    parts = sweep(
        panel, "ma_cross", GRID, COSTS, fill=fill,
        trials_per_block=depth, symbols_per_block=width, map=backwards,
    )  # fmt: skip
    assert whole.frame.equals(parts.frame)
    assert whole.returns.tobytes() == parts.returns.tobytes()
    for name, figures in whole.pairs.items():
        np.testing.assert_array_equal(figures, parts.pairs[name])


def test_more_stocks_than_are_gathered_at_a_time_are_the_same_accounts():
    panel = market(80, TOGETHER + 3, seed=4, holes=0.2)
    sets = combinations("ma_cross", GRID)
    whole = sweep_block(panel, sets, costs=COSTS, first=30)
    for n in (0, TOGETHER - 1, TOGETHER, TOGETHER + 2):
        alone = sweep_block(panel.columns([n]), sets, costs=COSTS, first=30)
        np.testing.assert_array_equal(whole.pairs[:, n], alone.pairs[:, 0])
        assert alone.pairs[:, 0, 4].any()


def test_an_impossible_move_behind_them_names_its_own_stock():
    panel = market(80, TOGETHER + 3, seed=4, holes=0.2)
    close = panel["close"].copy()
    row = np.flatnonzero(~np.isnan(close[:, TOGETHER + 1]))[-1]
    close[row, TOGETHER + 1] *= 1000
    with pytest.raises(UserError, match=rf"{panel.symbols[TOGETHER + 1]}.*{panel.dates[row]}"):
        sweep_block(panel.with_fields(close=close), combinations("ma_cross", GRID), costs=COSTS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 120), st.floats(0, 0.5), st.integers(0, 60))
def test_both_designs_agree(seed, extra, holes, first):
    panel = market(31 + extra, 4, seed=seed, holes=holes)
    # days without an open price: a position can be held, no order can be filled
    opens = panel["open"].copy()
    opens[np.random.default_rng(seed).random(opens.shape) < 0.2] = np.nan
    panel = panel.with_fields(open=opens)
    sets = combinations("ma_cross", GRID)
    fast, slow = (
        sweep_block(panel, sets, costs=COSTS, first=first, design=d)
        for d in ("events", "streaming")
    )
    for name in ("sums", "buys", "sells", "breadth"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    np.testing.assert_allclose(fast.pairs, slow.pairs, rtol=0, atol=1e-11)


def test_the_future_never_changes_the_past(small_market):
    sets = combinations("ma_cross", GRID)
    whole = sweep_block(small_market, sets, costs=COSTS, first=30)
    past = sweep_block(small_market.rows(slice(0, 200)), sets, costs=COSTS, first=30)
    np.testing.assert_array_equal(whole.sums[:, :200], past.sums)
    np.testing.assert_array_equal(whole.buys[:, :200], past.buys)


def test_a_signal_is_filled_at_the_next_open_and_every_trade_is_charged():
    # Flat, then a jump at the close of day 5: the mean of 1 day exceeds the mean of 3 days then.
    close = np.array([10, 10, 10, 10, 10, 12, 12, 12, 12, 12], dtype=float)[:, None]
    open_ = np.array([10, 10, 10, 10, 10, 10, 15, 12, 12, 12], dtype=float)[:, None]
    panel = Panel(
        np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]"), ("600000.SH",),
        {"open": open_, "high": open_, "low": close, "close": close},
    )  # fmt: skip
    costs = CostConfig(
        commission_rate=0.003, official_fees="fixed", stamp_duty=0.0, transfer_fee=0.0,
        slippage_bp=0.0,
    )  # fmt: skip
    table = sweep(panel, "ma_cross", {"fast": (1,), "slow": (3,)}, costs)
    daily = dict(zip(table.dates.astype(str), table.returns[0], strict=True))
    assert daily["2024-01-06"] == 0.0  # the jump itself earns nothing
    assert daily["2024-01-07"] == pytest.approx(12 / 15 / 1.003 - 1, abs=1e-13)  # opening trade
    assert daily["2024-01-09"] == pytest.approx(1 * (1 - 0.003) - 1, abs=1e-13)  # closing trade


def test_a_price_that_does_not_move_makes_no_trade():
    panel = market(200, 3)
    still = {n: np.full(panel.shape, 0.1 + 0.2) for n in ("open", "high", "low", "close")}
    table = sweep(panel.with_fields(**still), "ma_cross", {"fast": (3, 7), "slow": (11, 49)})
    assert (table.frame["trades"] == 0).all()
    assert table.frame["sharpe"].isna().all()


def test_a_stock_outside_the_universe_is_left(small_market):
    inside = np.ones(small_market.shape, dtype=bool)
    inside[150:, 1] = False
    table = sweep_block(small_market, combinations("ma_cross", GRID), inside, costs=COSTS, first=30)
    alone = sweep_block(
        small_market.columns([1]), combinations("ma_cross", GRID), inside[:, [1]],
        costs=COSTS, first=30,
    )  # fmt: skip
    traded = ~np.isnan(small_market["close"])
    np.testing.assert_array_equal(table.breadth, (traded & inside).sum(axis=1))
    assert not alone.sums[:, 160:].any()
    assert alone.sums[:, :150].any()


def test_indices_are_not_traded(small_market):
    panel = Panel(
        small_market.dates, small_market.symbols, small_market.fields,
        benchmarks=(small_market.symbols[0],),
    )  # fmt: skip
    table = sweep(panel, "ma_cross", GRID)
    assert table.symbols == small_market.symbols[1:]


def test_raw_prices_are_adjusted():
    panel = market(120, 2)
    factor = np.ones(panel.shape)
    factor[60:, 0] = 2.0
    raw = {n: panel[n] / factor for n in ("open", "high", "low", "close")}
    split = Panel(panel.dates, panel.symbols, {**raw, "factor": factor}, "raw")
    np.testing.assert_allclose(
        sweep(split, "ma_cross", GRID).returns, sweep(panel, "ma_cross", GRID).returns, atol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "astrology"}, "there is no strategy"),
        ({"grid": {"fast": (3,)}}, "give values for fast, slow"),
        ({"grid": {"fast": (9,), "slow": (8,)}}, "no sensible set"),
        ({"grid": {"fast": (2.5,), "slow": (8,)}}, "whole number"),
        ({"grid": {"fast": (3,), "slow": (1999,)}}, "load more history"),
        ({"universe": np.ones((3, 3), dtype=bool)}, "universe has shape"),
    ],
)
def test_wrong_use_is_explained(small_market, change, message):
    arguments = {"strategy": "ma_cross", "grid": GRID} | change
    with pytest.raises(UserError, match=message):
        sweep(small_market, **arguments)


def test_an_impossible_move_names_stock_and_day(small_market):
    close = small_market["close"].copy()
    close[200, 3] *= 1000
    with pytest.raises(UserError, match=r"600003\.SH moves by more than 100 times on 20"):
        sweep(small_market.with_fields(close=close), "ma_cross", GRID)


def test_blocks_that_do_not_tile_are_refused(small_market):
    sets = combinations("ma_cross", GRID)
    first = first_row(small_market, sets)
    left = sweep_block(small_market.columns(slice(0, 3)), sets, costs=COSTS, first=first)
    right = sweep_block(small_market.columns(slice(2, 6)), sets, costs=COSTS, first=first)
    with pytest.raises(UserError, match="overlap"):
        merge([left, right])
    with pytest.raises(UserError, match="no block"):
        merge([])
    some = sweep_block(small_market.columns(slice(0, 3)), sets[:3], costs=COSTS, first=first)
    rest = sweep_block(small_market, sets[3:], costs=COSTS, first=first)
    with pytest.raises(UserError, match="do not tile"):
        merge([some, rest])


def test_parts_of_the_scored_time_add_up(small_market):
    table = sweep(small_market, "ma_cross", GRID, pairs=False)
    assert table.pairs == {}
    assert table.period_sums.shape == (7, 16)
    np.testing.assert_array_equal(table.period_days.sum(axis=1), table.frame["days"])
    np.testing.assert_allclose(table.period_sums.sum(axis=1), np.nansum(table.returns, axis=1))


def test_break_even_cost_is_where_the_mean_vanishes(small_market):
    sets = {"fast": (3,), "slow": (10,)}
    for bp in (0.0, 10.0):
        costs = CostConfig(
            commission_rate=0.0, official_fees="fixed", stamp_duty=0.0, transfer_fee=0.0,
            slippage_bp=bp,
        )  # fmt: skip
        frame = sweep(small_market, "ma_cross", sets, costs).frame
        # the same trades at another cost: the estimate moves by second-order terms only
        assert frame["breakeven_bp"][0] == pytest.approx(
            sweep(small_market, "ma_cross", sets, CostConfig.free()).frame["breakeven_bp"][0],
            rel=0.02, abs=1.0,
        )  # fmt: skip


def test_merged_blocks_finish_like_the_sweep(small_market):
    sets = combinations("ma_cross", GRID)
    blocks = [
        sweep_block(small_market.columns(c), part, costs=COSTS, first=30)
        for c in (slice(3, 6), slice(0, 3))
        for part in sets.blocks(3)
    ]
    table = finish(merge(blocks[::-1]), COSTS)
    assert table.frame.equals(sweep(small_market, "ma_cross", GRID, COSTS).frame)


def test_accounts_stream_to_parquet(small_market, tmp_path):
    whole = sweep(small_market, "ma_cross", GRID, COSTS)
    for _ in range(2):  # a second run replaces the files of the first
        streamed = sweep(
            small_market, "ma_cross", GRID, COSTS, pairs_to=tmp_path,
            trials_per_block=3, symbols_per_block=4,
        )  # fmt: skip
    assert streamed.pairs == {}
    assert streamed.frame.equals(whole.frame)
    assert len(list(tmp_path.glob("*.parquet"))) == 3 * 2
    frame = read_pairs(tmp_path)
    assert len(frame) == 7 * 6
    for name, figures in whole.pairs.items():
        np.testing.assert_array_equal(frame[name], figures.reshape(-1))
    np.testing.assert_array_equal(frame["fast"], np.repeat(whole.combinations.values[:, 0], 6))
    assert list(frame["symbol"][:6]) == list(small_market.symbols)
    frame = pd.read_parquet(tmp_path)
    assert len(frame) == 7 * 6, "any reader of Parquet folders leaves the mark out"


def test_two_sweeps_never_share_a_folder(small_market, tmp_path):
    def run(folder=tmp_path, panel=small_market, grid=GRID, size=2, **more):
        return sweep(panel, "ma_cross", grid, COSTS, pairs_to=folder, trials_per_block=size, **more)

    run()
    before = read_pairs(tmp_path)
    universe = np.ones(small_market.shape, dtype=bool)
    universe[:50] = False
    dearer = small_market.with_fields(close=small_market["close"] * 1.01)
    others = ({"size": 3}, {"grid": {"fast": [9], "slow": [30]}}, {"fill": "next_close"},
              {"universe": universe}, {"panel": dearer})  # fmt: skip
    for other in others:
        with pytest.raises(UserError, match="holds the accounts of another sweep"):
            run(**other)
    pd.testing.assert_frame_equal(read_pairs(tmp_path), before)
    run(tmp_path / "new", size=3)
    (tmp_path / "new" / ".sweep").unlink()
    with pytest.raises(UserError, match="holds the accounts of another sweep"):
        run(tmp_path / "new", size=3)


def test_a_set_that_is_asked_for_twice_is_one_trial(small_market, tmp_path):
    once = sweep(small_market, "ma_cross", {"fast": [5, 3], "slow": [20]}, COSTS)
    twice = sweep(
        small_market, "ma_cross", {"fast": [5, 3, 5.0], "slow": [20, 20]}, COSTS,
        ledger=str(tmp_path),
    )  # fmt: skip
    assert twice.frame.equals(once.frame)
    listed = once.combinations
    rows = np.concatenate([listed.values, listed.values[:1]])
    doubled = dataclasses.replace(listed, values=rows, numbers=np.arange(3))
    again = sweep(small_market, "ma_cross", doubled, COSTS, ledger=str(tmp_path))
    assert again.frame.equals(once.frame)
    assert len(trialsets.read_ledger(Store(str(tmp_path)), "test")) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"fill": "close"}, "fill 'close' is no price at which a sweep fills: choose next_open or"),
        ({"fill": "next_vwap"}, "choose next_open or next_close"),
        ({"trials_per_block": 0}, "trials_per_block is 0: give a whole number"),
        ({"symbols_per_block": 2.5}, "symbols_per_block is 2.5: give a whole number"),
        ({"grid": {"fast": "a", "slow": [20]}}, "gives 'a' for fast: give a list of numbers"),
        ({"grid": {"fast": 5, "slow": [20]}}, "gives 5 for fast: give a list of numbers"),
        ({"grid": {"fast": None, "slow": [20]}}, "gives None for fast: give a list"),
        ({"grid": {"fast": [None], "slow": [20]}}, r"gives \[None\] for fast: give a list"),
        ({"grid": {"fast": [[5]], "slow": [20]}}, r"gives \[\[5\]\] for fast: give a list"),
        ({"grid": {"fast": ["a"], "slow": [20]}}, r"gives \['a'\] for fast: give a list"),
        ({"grid": {"fast": [np.nan], "slow": [20]}}, "fast of ma_cross is nan: give a whole"),
        ({"grid": {"fast": [], "slow": [20]}}, "give values for fast, slow"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(small_market, asked, said):
    asked = {"grid": GRID} | asked
    with pytest.raises(UserError, match=said) as told:
        sweep(small_market, "ma_cross", costs=COSTS, **asked)
    assert "\n" not in str(told.value)


def test_a_fill_that_is_unknown_to_a_block_is_refused(small_market):
    with pytest.raises(UserError, match="fill 'vwap' is no price"):
        sweep_block(small_market, combinations("ma_cross", GRID), costs=COSTS, fill="vwap")


@pytest.mark.parametrize(("name", "price"), [("close", -3.0), ("open", 0.0), ("low", -0.0)])
def test_a_price_that_no_share_has_is_named(small_market, name, price):
    wrong = small_market[name].copy()
    wrong[50, 2] = price
    text = rf"the {name} of {small_market.symbols[2]} on {small_market.dates[50]} is {price:g}, and"
    with pytest.raises(UserError, match=text):
        sweep(small_market.with_fields(**{name: wrong}), "ma_cross", GRID, COSTS)


def test_a_universe_says_yes_or_no(small_market):
    yes = np.ones(small_market.shape)
    table = sweep(small_market, "ma_cross", GRID, COSTS, universe=yes)
    assert table.frame.equals(sweep(small_market, "ma_cross", GRID, COSTS).frame)
    framed = pd.DataFrame(yes.astype(bool), columns=small_market.symbols)
    assert sweep(small_market, "ma_cross", GRID, COSTS, universe=framed).frame.equals(table.frame)
    yes[7, 1] = np.nan
    text = f"says nan of {small_market.symbols[1]} on {small_market.dates[7]}: give True or False"
    with pytest.raises(UserError, match=text):
        sweep(small_market, "ma_cross", GRID, COSTS, universe=yes)
    with pytest.raises(UserError, match="the universe has shape"):
        sweep(small_market, "ma_cross", GRID, COSTS, universe=yes[1:])


def test_a_large_table_without_a_single_score_is_refused():
    def table(first, errors):
        return pd.DataFrame({"trial": [first, first + 1], "sharpe": np.nan, "error": errors})

    leaders = Leaders()
    list(leaders.watch([table(0, ["no a", "no b"]), table(2, ["no c", "no d"])]))
    with pytest.raises(UserError, match=r"^none of 4 parameter sets could be scored: no a$"):
        leaders.require_a_score()
    list(leaders.watch([table(4, ["", "no d"])]))
    leaders.require_a_score()
