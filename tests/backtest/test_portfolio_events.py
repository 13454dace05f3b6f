"""Portfolios one event at a time: actions, caps, kinds of target and fill, and wrong input."""

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.config import CostConfig
from tasks.backtest.portfolio import simulate
from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.market.rules import a_share_rules, rule_book

RULES = a_share_rules()
FREE = CostConfig.free()


def panel(close, symbols=("600000.SH",), start="2024-01-02", **fields):
    close = np.asarray(close, dtype=float)
    close = close[:, None] if close.ndim == 1 else close
    dates = np.busday_offset(np.datetime64(start), np.arange(len(close)), roll="forward")
    more = {name: np.asarray(v, dtype=float).reshape(close.shape) for name, v in fields.items()}
    bars = {"open": close.copy(), "close": close} | more
    return Panel(dates.astype("datetime64[D]"), symbols, bars, "unadjusted", "test")


def first(values, rows):
    """Targets on the first row only."""
    out = np.full((rows, len(values)), np.nan)
    out[0] = values
    return out


def test_a_dividend_is_cash_on_the_ex_day_and_changes_no_value():
    bars = panel([10, 10, 9.5, 9.5], cash_dividend=[0, 0, 0.5, 0])
    result = simulate(bars, first([1.0], 4), None, FREE, 1000.0)
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-9)
    np.testing.assert_allclose(result.cash[2:], 50.0, rtol=1e-9)
    assert result.actions[["kind", "shares"]].to_numpy().tolist() == [["dividend", 0.0]]


def test_new_shares_and_a_dividend_inside_a_suspension():
    bars = panel([10, 10, np.nan, 4.75], bonus_shares=[0, 0, 1, 0], cash_dividend=[0, 0, 0.5, 0])
    result = simulate(bars, first([1.0], 4), None, FREE, 1000.0)
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-9)
    np.testing.assert_allclose(result.positions[:, 0], [0, 100, 200, 200], rtol=1e-9)


@pytest.mark.parametrize(
    ("rights", "kinds", "shares", "equity"),
    [
        ("subscribe", ["rights taken up"], 130.0, 2000.0),
        ("lapse", ["rights lapsed"], 100.0, 2000.0 - 100 * (10 - 11.5 / 1.3)),
    ],
)
def test_rights_are_taken_up_or_lapse(rights, kinds, shares, equity):
    after = 11.5 / 1.3  # (10 + 0.3 x 5) / 1.3
    bars = panel([10, 10, after, after], rights_shares=[0, 0, 0.3, 0], rights_price=[0, 0, 5, 0])
    targets = first([100.0], 4)
    result = simulate(bars, targets, RULES, FREE, 2000.0, kind="shares", rights=rights)
    assert result.actions["kind"].tolist() == kinds
    assert result.positions[-1, 0] == shares
    assert result.equity[-1] == pytest.approx(equity)


def test_rights_go_as_far_as_the_cash():
    bars = panel([10, 10, 9, 9], rights_shares=[0, 0, 0.3, 0], rights_price=[0, 0, 5, 0])
    result = simulate(bars, first([100.0], 4), RULES, FREE, 1052.0, kind="shares")
    assert result.actions["kind"].tolist() == ["rights taken up", "rights lapsed"]
    assert result.actions["shares"].tolist() == [10.0, -20.0]
    assert result.cash[-1] == pytest.approx(2.0)


@pytest.mark.parametrize("asked", [None, [0, 0, np.nan, 0], [0, 0, 0, 0]])
def test_rights_without_a_known_price_lapse_and_say_so(asked):
    given = {} if asked is None else {"rights_price": asked}
    bars = panel([10, 10, np.nan, 9], rights_shares=[0, 0, 0.3, 0], **given)
    result = simulate(bars, first([100.0], 4), RULES, FREE, 2000.0, kind="shares")
    assert result.actions[["kind", "shares", "cash"]].to_numpy().tolist() == [
        ["rights lapsed, no price known", -30.0, 0.0]
    ]
    np.testing.assert_allclose(result.equity, [2000, 2000, 2000, 1900])
    lapsing = simulate(bars, first([100.0], 4), RULES, FREE, 2000.0, kind="shares", rights="lapse")
    assert lapsing.actions["kind"].tolist() == ["rights lapsed"]


def test_a_delisting_pays_out_and_ends_the_position():
    payout = [np.nan, np.nan, np.nan, 1.5, np.nan]
    bars = panel([10, 10, 2, np.nan, np.nan], delisting_payout=payout)
    targets = first([1.0], 5)
    targets[3] = 1.0
    result = simulate(bars, targets, None, FREE, 1000.0)
    assert result.actions["kind"].tolist() == ["delisted"]
    np.testing.assert_allclose(result.equity, [1000, 1000, 200, 150, 150], rtol=1e-9)
    assert result.refusals["reason"].tolist() == ["suspended"]  # what is gone cannot be bought
    assert result.refusals["side"].tolist() == ["buy"]


def test_orders_are_cut_to_the_volume_and_say_so():
    bars = panel([10] * 4, volume=[5000, 5000, 900, 5000])
    targets = np.array([[0.9], [np.nan], [0.0], [np.nan]])
    result = simulate(bars, targets, RULES, FREE, 100_000.0, volume_cap=0.1)
    trades = result.trades[["side", "wanted", "shares", "cut"]].to_numpy().tolist()
    cut = "more than the bar's volume allows"
    assert trades == [["buy", 9000.0, 500.0, cut], ["sell", 500.0, 500.0, ""]]
    thin = panel([10] * 3, volume=[5000, 900, 900])
    refused = simulate(thin, first([0.9], 3), RULES, FREE, 100_000.0, volume_cap=0.1).refusals
    assert refused["reason"].tolist() == [cut]  # 90 shares are less than a lot


def test_a_sealed_limit_lets_nobody_out_at_the_average_price():
    volume, close = [1e6] * 4, [10, 10, 9, 8.1]
    amount = np.array(volume) * np.array([10, 10, 9, 8.1004])
    bars = panel(close, volume=volume, amount=amount)
    targets = np.array([[0.5], [0.0], [0.0], [0.0]])
    result = simulate(bars, targets, RULES, FREE, 100_000.0, "next_vwap")
    assert result.refusals["reason"].tolist() == ["at the lower limit"] * 2
    own = panel([10] * 4, vwap=[9, 9.9, 10, 10])
    filled = simulate(own, first([0.5], 4), None, FREE, 1000.0, "next_vwap")
    assert filled.trades["price"].tolist() == [9.9]


def test_shares_and_signals_are_targets_too():
    bars = panel(np.full((6, 2), 10.0), ("600000.SH", "600001.SH"))
    shares = np.full((6, 2), np.nan)
    shares[0], shares[2] = [300, 155], [100, 0]
    result = simulate(bars, shares, RULES, FREE, 100_000.0, kind="shares")
    np.testing.assert_array_equal(result.positions[[1, 3]], [[300, 100], [100, 0]])
    assert result.trades["cut"].tolist() == ["", "whole lots", "", ""]
    signals = np.array([[1, 0], [1, 0], [1, 1], [1, 1], [0, np.nan], [0, 0]], dtype=float)
    held = simulate(bars, signals, None, FREE, 1000.0, kind="signals").positions
    np.testing.assert_allclose(held[:, 0], [0, 100, 100, 50, 50, 0], atol=1e-9)
    np.testing.assert_allclose(held[:, 1], [0, 0, 0, 50, 50, 0], atol=1e-9)


def signals_of(*wanted):
    return np.array(wanted, dtype=float)[:, None]


@pytest.mark.parametrize(
    ("price", "wanted", "rules", "held"),
    [
        # sealed at the lower limit on the day of the exit, open on the next
        (
            [10, 10, 10, 9, 9, 8.9, 8.9, 8.9],
            (1, 1, 0, 0, 0, 0, 0, 0),
            RULES,
            [0, 1, 1, 1, 0, 0, 0, 0],
        ),
        # suspended on the day of the exit
        (
            [10, 10, 10, np.nan, np.nan, 8, 8, 8],
            (1, 1, 0, 0, 0, 0, 0, 0),
            None,
            [0, 1, 1, 1, 1, 0, 0, 0],
        ),
        # suspended on the day of the entry
        (
            [10, np.nan, np.nan, 9, 9, 9, 9, 9],
            (1, 1, 1, 1, 1, 1, 1, 1),
            None,
            [0, 0, 0, 1, 1, 1, 1, 1],
        ),
        # the wish is gone before it could be filled
        ([10, np.nan, np.nan, 9, 9, 9, 9, 9], (1, 0, 0, 0, 0, 0, 0, 0), None, [0] * 8),
    ],
)
def test_a_signal_that_was_refused_is_tried_again(price, wanted, rules, held):
    bars = panel(price)
    result = simulate(bars, signals_of(*wanted), rules, FREE, 100_000.0, kind="signals")
    np.testing.assert_array_equal(result.positions[:, 0] > 0, held)
    assert len(result.refusals) == 1  # one order, told once, however long it waits


def test_the_volume_fills_an_order_of_signals_day_by_day():
    bars = panel([10.0] * 8, volume=[3000] * 8)
    result = simulate(
        bars, np.ones((8, 1)), None, FREE, 10_000.0, kind="signals", volume_cap=0.1
    )  # fmt: skip
    np.testing.assert_allclose(
        result.positions[:, 0], [0, 300, 600, 900, 1000, 1000, 1000, 1000], rtol=1e-9
    )


def test_a_purchase_waits_for_the_cash_of_a_sale_that_waits():
    first_stock = [10, 10, 9, 8.1, 8.2, 8.2]
    bars = panel(np.column_stack([first_stock, [10.0] * 6]), ("600000.SH", "600001.SH"))
    signals = np.array([[1, 0], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]], dtype=float)
    result = simulate(bars, signals, RULES, FREE, 10_000.0, kind="signals")
    assert result.refusals[["symbol", "reason"]].to_numpy().tolist() == [
        ["600000.SH", "at the lower limit"], ["600001.SH", "not enough cash"]
    ]  # fmt: skip
    np.testing.assert_array_equal(result.positions[:, 0] > 0, [0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(result.positions[:, 1] > 0, [0, 0, 0, 0, 1, 1])


def test_weights_wait_for_the_next_row_unless_they_are_to_be_tried_again():
    bars = panel([10, np.nan, 10, 10, 10])
    targets = first([0.5], 5)
    for retry, bought in ((None, None), (False, None), (True, "2024-01-04")):
        trades = simulate(bars, targets, None, FREE, 1000.0, retry=retry).trades
        assert [str(d)[:10] for d in trades["date"]] == ([bought] if bought else [])


@pytest.mark.parametrize(
    ("symbol", "held", "target", "left"),
    [
        ("600000.SH", 235.0, 100.0, 100.0),  # a hundred and the odd lot
        ("600000.SH", 235.0, 200.0, 200.0),  # the odd lot alone
        ("600000.SH", 235.0, 205.0, 235.0),  # no part of it
        ("600000.SH", 235.0, 110.0, 135.0),  # 125 wished: the odd lot and 90 would be no lot
        ("600000.SH", 235.5, 100.0, 100.5),  # a fraction stays
        ("600000.SH", 300.0, 150.0, 200.0),
        ("688001.SH", 405.0, 200.0, 200.0),  # from 200 on by single shares
        ("688001.SH", 405.0, 300.0, 405.0),
        ("830799.BJ", 235.0, 100.0, 100.0),
        ("830799.BJ", 235.0, 200.0, 235.0),
    ],
)
def test_what_part_of_a_position_may_be_sold(symbol, held, target, left):
    bonus = held / 200.0 - 1.0
    bars = panel([10.0] * 5, (symbol,), bonus_shares=[0, 0, bonus, 0, 0])
    targets = np.array([[200.0], [np.nan], [target], [np.nan], [np.nan]])
    result = simulate(bars, targets, RULES, FREE, 100_000.0, kind="shares")
    np.testing.assert_allclose(result.positions[1:4, 0], [200.0, held, left], rtol=1e-12)


def test_us_equities_trade_by_their_own_book():
    bars = panel([10.0] * 4, ("AAPL",), "2024-06-03")
    targets = np.array([[0.5], [0.0], [np.nan], [np.nan]])
    costs = CostConfig(commission_rate=0.0, commission_minimum=0.0, slippage_bp=0.0)
    result = simulate(bars, targets, rule_book("us_equity"), costs, 10_007.0)
    assert result.trades["shares"].tolist() == [500.0, 500.0]  # single shares, no limits
    assert result.trades["stamp_duty"].tolist() == [0.0, 0.14]  # 27.80 a million of 5,000
    up = bars.with_fields(open=bars["open"] * np.array([[1.0], [2.0], [4.0], [8.0]]))
    assert simulate(up, targets, rule_book("us_equity"), costs).refusals.empty


def test_labelled_targets_are_put_in_order():
    bars = panel(np.full((4, 2), 10.0), ("600000.SH", "600001.SH"))
    table = pd.DataFrame(
        first([0.5, 0.25], 4), index=pd.DatetimeIndex(bars.dates), columns=bars.symbols
    )
    plain = simulate(bars, table.to_numpy())
    turned = simulate(bars, table[["600001.SH", "600000.SH"]])
    np.testing.assert_array_equal(plain.positions, turned.positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename(columns={"600000.SH": "600002.SH"}), r"name '600002.SH', which is not"),
        (lambda t: t[["600000.SH"]], "600001.SH is missing"),
        (lambda t: t.set_axis(t.index + pd.Timedelta(days=1)), "are not the panel's 4 sessions"),
        (lambda t: t.iloc[1:], "targets' 3 dates are not the panel's 4"),
        (lambda t: t["600000.SH"], "one pandas column"),
    ],
)
def test_misaligned_targets_are_one_sentence(change, message):
    bars = panel(np.full((4, 2), 10.0), ("600000.SH", "600001.SH"))
    table = pd.DataFrame(0.1, index=pd.DatetimeIndex(bars.dates), columns=list(bars.symbols))
    with pytest.raises(UserError, match=message):
        simulate(bars, change(table))


@pytest.mark.parametrize(
    ("targets", "arguments", "message"),
    [
        ([0.5, 0.2], {"max_weight": 0.4}, r"600000\.SH on 2024-01-02 is 0\.5, above the largest"),
        ([0.5, np.inf], {}, "600001.SH on 2024-01-02 is inf"),
        ([0.5, np.nan], {"kind": "shares"}, "give a number of shares"),
        ([0.5, 0.2], {"volume_cap": 0.1}, "has no volume: add the field"),
        ([0.5, 0.2], {"volume_cap": 1.5}, "fraction between 0"),
        ([0.5, 0.2], {"fill": "close"}, "fill is 'close': choose next_open, next_close or next_v"),
        ([0.5, 0.2], {"kind": "share"}, "kind is 'share': choose weights, shares or signals"),
        ([0.5, 0.2], {"rights": "foo"}, "rights is 'foo': choose subscribe or lapse"),
        ([0.5, 0.2], {"fill": "next_vwap"}, "has neither vwap nor amount and volume"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(targets, arguments, message):
    bars = panel(np.full((4, 2), 10.0), ("600000.SH", "600001.SH"))
    with pytest.raises(UserError, match=message):
        simulate(bars, first(targets, 4), **arguments)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_impossible_prices_are_named(bad):
    close = np.full((4, 2), 10.0)
    close[2, 1] = bad
    bars = panel(close, ("600000.SH", "600001.SH"))
    with pytest.raises(UserError, match=r"close price of 600001\.SH on 2024-01-04"):
        simulate(bars, first([0.1, 0.1], 4))
    healthy = panel(np.full((4, 2), 10.0), bars.symbols, open=close)
    with pytest.raises(UserError, match=r"open price of 600001\.SH"):
        simulate(healthy, first([0.1, 0.1], 4))


RAW = {"cash_dividend": 0.0, "bonus_shares": 0.0, "rights_shares": 0.0, "rights_price": 1.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cash_dividend", np.inf),
        ("cash_dividend", -1.0),
        ("bonus_shares", -1.0),
        ("bonus_shares", np.inf),
        ("rights_shares", -0.1),
        ("rights_price", np.inf),
        ("delisting_payout", -1.0),
        ("factor", np.inf),
        ("factor", 0.0),
    ],
)
def test_impossible_terms_of_actions_are_named(field, value):
    terms = RAW | {"factor": 1.0, "delisting_payout": np.nan}
    fields = {name: np.full((4, 2), usual) for name, usual in terms.items()}
    healthy = panel(np.full((4, 2), 10.0), ("600000.SH", "600001.SH"), **fields)
    simulate(healthy, first([0.1, 0.1], 4))
    fields[field][2, 1] = value
    with pytest.raises(UserError, match=rf"the {field} of 600001\.SH on 2024-01-04 is .*: give "):
        simulate(healthy.with_fields(**fields), first([0.1, 0.1], 4))


def test_a_reverse_split_is_no_mistake():
    bars = panel([10.0, 10.0, 20.0, 20.0], bonus_shares=[0, 0, -0.5, 0])
    result = simulate(bars, first([1.0], 4), None, FREE, 1000.0)
    np.testing.assert_allclose(result.equity, 1000.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cash": "100"}, "starting cash is '100': give a positive amount"),
        ({"cash": None}, "starting cash is None: give a positive amount"),
        ({"cash": np.nan}, "starting cash is nan: give a positive amount"),
        ({"volume_cap": "x"}, "volume_cap is 'x': give a fraction"),
        ({"max_weight": np.nan}, "max_weight is nan: give a fraction above 0"),
        ({"rules": "a_share"}, "rules is 'a_share': give a rule book"),
        ({"costs": {"slippage_bp": 1.0}}, "costs is .*slippage_bp.*: give a CostConfig"),
    ],
)
def test_settings_of_a_wrong_kind_are_one_sentence(arguments, message):
    with pytest.raises(UserError, match=message):
        simulate(panel([10.0] * 4), first([0.5], 4), **arguments)


def test_an_empty_panel_and_rows_without_dates_are_one_sentence():
    bars = panel([10.0] * 4)
    with pytest.raises(UserError, match="has 0 dates and 1 symbols: give at least one of each"):
        simulate(bars.rows(slice(0, 0)), np.empty((0, 1)))
    table = pd.DataFrame(first([0.5], 4), index=list("abcd"), columns=bars.symbols)
    with pytest.raises(UserError, match="labelled 'a' and so on, which are no dates"):
        simulate(bars, table)


@pytest.mark.parametrize("library", ["numpy", "pandas", "torch"])
def test_weights_of_few_digits_may_round_above_one(library):
    bars = panel(np.full((4, 2), 10.0), ("600000.SH", "600001.SH"))
    row = np.array([0.1234567, 0.8765433001], dtype=np.float32)
    row[1] = np.nextafter(np.float32(1.0) - row[0], np.float32(2.0))
    assert float(row.astype(float).sum()) > 1.0 + 1e-9
    weights = np.full((4, 2), np.nan, dtype=np.float32)
    weights[0] = row
    torch = pytest.importorskip("torch")
    given = {
        "numpy": weights,
        "pandas": pd.DataFrame(weights, index=bars.dates, columns=bars.symbols),
        "torch": torch.from_numpy(weights),
    }[library]
    assert len(simulate(bars, given, None, FREE).trades) == 2
    with pytest.raises(UserError, match=r"sum to 1\.0000000[0-9]+: scale"):
        simulate(bars, weights.astype(float), None, FREE)


@pytest.mark.parametrize(
    ("symbol", "board"),
    [("000001.SH", "index"), ("510300.SH", "fund"), ("900901.SH", "b_share"), ("AAPL", "other")],
)
def test_what_is_no_stock_of_the_market_is_not_bought_under_its_rules(symbol, board):
    bars = panel(np.full((4, 2), 10.0), ("600000.SH", symbol))
    with pytest.raises(UserError, match=rf"{symbol} \({board}\) is not traded under the rules of"):
        simulate(bars, first([0.1, 0.1], 4), RULES)
    simulate(bars, first([0.1, 0.0], 4), RULES)
    simulate(bars, first([0.1, 0.1], 4))
