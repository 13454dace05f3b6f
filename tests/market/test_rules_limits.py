"""Price limits over a grid: rounding, boards, dates, listings, corporate actions."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.panel import Panel
from tasks.market.rules import rule_book
from tasks.market.rules_limits import day_limits, limits, reference_prices


def panel(close, symbols, start="2022-01-04", **fields):
    close = np.asarray(close, dtype=float)
    dates = np.busday_offset(np.datetime64(start), np.arange(len(close)), roll="forward")
    return Panel(dates, symbols, {"close": close, **fields}, "raw" if fields else "unadjusted")


@given(st.integers(30, 300_000), st.sampled_from([("600000.SH", "10"), ("688001.SH", "20")]))
def test_limits_are_rounded_half_up(cents, board):
    symbol, percent = board
    bars = panel([[cents / 100], [cents / 100]], (symbol,))
    up, down = limits(bars)
    price, share = Decimal(cents) / 100, Decimal(percent) / 100
    exact = [(price * (1 + s * share)).quantize(Decimal("0.01"), ROUND_HALF_UP) for s in (1, -1)]
    assert up[1, 0] == pytest.approx(float(exact[0]), abs=1e-9)
    assert down[1, 0] == pytest.approx(float(exact[1]), abs=1e-9)


def test_a_limit_is_at_least_one_tick():
    up, down = limits(panel([[0.03], [0.03]], ("600000.SH",)))
    assert (up[1, 0], down[1, 0]) == (0.04, 0.02)


def test_boards_special_treatment_and_dates():
    symbols = ("600000.SH", "300001.SZ", "688001.SH", "000300.SH", "AAPL")
    close = np.full((3, 5), 10.0)
    special = np.zeros((3, 5))
    special[:, 0] = 1
    up, _ = limits(panel(close, symbols, "2020-08-20", is_st=special))
    np.testing.assert_array_equal(up[1], [10.5, 11.0, 12.0, np.inf, np.inf])
    np.testing.assert_array_equal(up[2], [10.5, 12.0, 12.0, np.inf, np.inf])  # 2020-08-24
    assert np.isnan(up[0, 0])  # nothing known before the first row


def test_a_suspension_carries_the_reference():
    bars = panel([[10.0], [np.nan], [np.nan], [10.5]], ("600000.SH",))
    up, down = limits(bars)
    np.testing.assert_array_equal(up[1:, 0], 11.0)
    np.testing.assert_array_equal(down[1:, 0], 9.0)


def test_an_ex_day_lowers_the_reference_and_preclose_comes_first():
    factor = np.array([[1.0], [2.0], [2.0]])
    bars = panel([[10.0], [5.1], [5.2]], ("600000.SH",), factor=factor)
    np.testing.assert_array_equal(reference_prices(bars)[1:, 0], [5.0, 5.1])
    given_ = panel(
        [[10.0], [5.1], [5.2]], ("600000.SH",), factor=factor,
        preclose=np.array([[np.nan], [4.9], [np.nan]]),
    )  # fmt: skip
    np.testing.assert_array_equal(reference_prices(given_)[1:, 0], [4.9, 5.1])


@pytest.mark.parametrize(
    ("symbol", "start", "free"),
    [
        ("600000.SH", "2022-01-04", 1),
        ("600000.SH", "2023-05-08", 5),
        ("300001.SZ", "2020-01-06", 1),
        ("300001.SZ", "2021-01-04", 5),
        ("688001.SH", "2020-01-06", 5),
        ("830799.BJ", "2022-01-04", 1),
    ],
)
def test_new_listings_are_free_for_a_while(symbol, start, free):
    close = np.full((12, 1), 10.0)
    close[:3] = np.nan
    up, down = limits(panel(close, (symbol,), start))
    assert np.isinf(up[3 : 3 + free, 0]).all()
    assert (down[3 : 3 + free, 0] == 0).all()
    assert np.isfinite(up[3 + free :, 0]).all()


def test_the_first_day_is_measured_from_the_issue_price_where_it_is_known():
    close = np.array([[np.nan], [14.4], [15.84]])
    preclose = np.array([[np.nan], [10.0], [14.4]])
    up, down = limits(panel(close, ("600000.SH",), "2018-01-08", preclose=preclose))
    assert (up[1, 0], down[1, 0]) == (14.4, 6.4)
    listed = {"600000.SH": "2018-01-08"}
    full = panel([[14.4], [15.84]], ("600000.SH",), "2018-01-08", preclose=preclose[1:])
    up, _ = limits(full, listed_on=listed)
    assert up[0, 0] == 14.4
    old = limits(full, listed_on={"600000.SH": "2001-01-08"})[0]
    assert old[0, 0] == 11.0


def test_an_ex_day_inside_a_suspension_lowers_the_reference():
    factor = np.array([[1.0], [1.0], [2.0], [2.0]])
    bars = panel([[10.0], [np.nan], [np.nan], [5.1]], ("600000.SH",), factor=factor)
    assert reference_prices(bars)[3, 0] == 5.0


def test_the_terms_of_actions_give_the_reference():
    zero = np.zeros((3, 1))
    terms = {"cash_dividend": zero.copy(), "bonus_shares": zero.copy(),
             "rights_shares": zero.copy(), "rights_price": zero.copy()}  # fmt: skip
    for name, value in zip(terms, (0.5, 0.2, 0.3, 5.0), strict=True):
        terms[name][1] = value
    bars = panel([[10.0], [7.0], [7.0]], ("600000.SH",), **terms)
    # (10 - 0.5 + 0.3 x 5) / 1.5 = 7.333
    np.testing.assert_array_equal(reference_prices(bars)[1:, 0], [7.33, 7.0])


def test_rights_without_a_price_leave_the_reference_unknown_for_that_day():
    offered = np.array([[0.0], [0.3], [0.0]])
    for more in ({}, {"rights_price": np.zeros((3, 1))}):
        bars = panel([[10.0], [9.0], [9.1]], ("600000.SH",), rights_shares=offered, **more)
        np.testing.assert_array_equal(reference_prices(bars)[1:, 0], [np.nan, 9.0])


def test_the_delisting_period_and_notices_lift_limits():
    days = np.array([0, 0, 1, 1, 1], dtype=float)[:, None]
    close = np.array([10.0, 10.0, np.nan, 10.0, 10.0])[:, None]
    symbol = ("600000.SH",)
    up, _ = limits(panel(close, symbol, is_st=np.ones((5, 1)), in_delisting=days))
    np.testing.assert_array_equal(up[1:, 0], [10.5, np.inf, np.inf, 11.0])
    up, down = limits(panel(close, symbol, no_limit=days))
    np.testing.assert_array_equal(up[1:, 0], [11.0, np.inf, np.inf, np.inf])
    assert (down[2:] == 0).all()


@pytest.mark.parametrize(
    ("symbol", "start", "up"),
    [
        ("600000.SH", "2018-01-04", [11.0, 11.0]),
        ("600000.SH", "2021-01-04", [np.inf, 11.0]),
        ("300001.SZ", "2020-03-04", [11.0, 11.0]),
        ("300001.SZ", "2020-09-01", [12.0, 12.0]),
        ("830799.BJ", "2024-06-03", [np.inf, 13.0]),
    ],
)
def test_the_first_session_of_a_delisting_period_is_free_since_the_reform(symbol, start, up):
    leaving = np.array([0.0, 1.0, 1.0])[:, None]
    found, _ = limits(panel([[10.0]] * 3, (symbol,), start, in_delisting=leaving))
    np.testing.assert_array_equal(found[1:, 0], up)


@pytest.mark.parametrize(
    ("symbol", "listed", "start"),
    [
        ("688001.SH", "2024-01-02", "2024-01-04"),
        ("688001.SH", "2024-02-07", "2024-02-19"),  # the spring festival lies between
        ("300001.SZ", "2024-01-02", "2024-01-02"),
        ("600000.SH", "2018-01-08", "2018-01-09"),
        ("600000.SH", "1990-12-19", "1991-01-07"),
        ("600000.SH", "1999-11-10", "2024-01-04"),
    ],
)
def test_a_listing_just_before_the_panel_is_free_as_long_as_the_day_says(symbol, listed, start):
    bars = panel([[10.0]] * 8, (symbol,), start, preclose=np.full((8, 1), 10.0))
    up, down = limits(bars, listed_on={symbol: listed})
    for t in range(8):
        day = str(bars.dates[t])
        expected = (np.inf, 0.0) if day < "1996" else day_limits(symbol, 10.0, day, listed=listed)
        assert (up[t, 0], down[t, 0]) == expected, day


def test_another_market_has_no_limits():
    up, down = limits(panel(np.full((3, 2), 10.0), ("AAPL", "600000.SH")), rule_book("us_equity"))
    assert np.isinf(up).all()
    assert (down == 0).all()


def test_blocks_of_symbols_change_nothing():
    rng = np.random.default_rng(0)
    symbols = ("600000.SH", "300001.SZ", "688001.SH", "830799.BJ")
    close = np.round(10 * np.exp(np.cumsum(rng.normal(0, 0.03, (60, 4)), axis=0)), 2)
    close[rng.random(close.shape) < 0.1] = np.nan
    bars = panel(close, symbols)
    up, down = limits(bars)
    for n in range(4):
        alone = limits(bars.columns([n]))
        np.testing.assert_array_equal(alone[0][:, 0], up[:, n])
        np.testing.assert_array_equal(alone[1][:, 0], down[:, n])


@pytest.mark.parametrize(
    ("symbol", "day", "settings", "expected"),
    [
        ("300001.SZ", "2020-08-21", {}, (11.0, 9.0)),
        ("300001.SZ", "2020-08-24", {}, (12.0, 8.0)),
        ("300001.SZ", "2020-08-21", {"status": "st"}, (10.5, 9.5)),
        ("300001.SZ", "2020-08-24", {"status": "st"}, (12.0, 8.0)),
        ("600000.SH", "2026-07-03", {"status": "st"}, (10.5, 9.5)),
        ("600000.SH", "2026-07-06", {"status": "st"}, (11.0, 9.0)),
        ("688001.SH", "2022-01-04", {}, (12.0, 8.0)),
        ("830799.BJ", "2022-01-04", {}, (13.0, 7.0)),
        ("000300.SH", "2022-01-04", {}, (np.inf, 0.0)),
        ("AAPL", "2022-01-04", {}, (np.inf, 0.0)),
        ("600000.SH", "1995-01-04", {}, (np.inf, 0.0)),
        ("600000.SH", "2018-01-08", {"listed": "2018-01-08"}, (14.4, 6.4)),
        ("600000.SH", "2018-01-09", {"listed": "2018-01-08"}, (11.0, 9.0)),
        ("600000.SH", "2023-05-12", {"listed": "2023-05-08"}, (np.inf, 0.0)),
        ("600000.SH", "2023-05-15", {"listed": "2023-05-08"}, (11.0, 9.0)),
        ("688001.SH", "2020-01-10", {"listed": "2020-01-06"}, (np.inf, 0.0)),
        ("688001.SH", "2020-01-13", {"listed": "2020-01-06"}, (12.0, 8.0)),
    ],
)
def test_the_limits_of_one_symbol_on_one_day(symbol, day, settings, expected):
    assert day_limits(symbol, 10.0, day, **settings) == expected


def test_one_day_is_as_the_grid_and_an_unknown_reference_has_unknown_limits():
    rng = np.random.default_rng(1)
    symbols = ("600000.SH", "300001.SZ", "688001.SH", "830799.BJ", "000300.SH")
    close = np.round(10 * np.exp(np.cumsum(rng.normal(0, 0.02, (9, 5)), axis=0)), 2)
    bars = panel(close, symbols, "2020-08-19")
    up, down = limits(bars)
    for t in range(1, len(close)):
        for n, symbol in enumerate(symbols):
            one = day_limits(symbol, close[t - 1, n], str(bars.dates[t]))
            assert one == (up[t, n], down[t, n])
    assert np.isnan(day_limits("600000.SH", np.nan, "2022-01-04")).all()
