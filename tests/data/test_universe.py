import numpy as np
import pytest

from tasks.data import universe
from tasks.data.config import UniverseConfig
from tasks.data.panel import Panel
from tasks.market import calendar

NAN = np.nan
DAYS = calendar.sessions("2024-01-02", "2024-04-30")[:12]
LOOSE = UniverseConfig(min_listed_sessions=3, min_traded_sessions=2, history_window=3)


def panel(columns, symbols=None, adjustment="unadjusted", benchmarks=(), **fields):
    close = np.array(columns, dtype=float).T
    symbols = symbols or [f"60000{i}.SH" for i in range(close.shape[1])]
    extra = {name: np.array(value, dtype=float).T for name, value in fields.items()}
    days = DAYS[: len(close)]
    return Panel(days, tuple(symbols), {"close": close, **extra}, adjustment, "test", benchmarks)


def test_young_rarely_traded_and_absent_stocks_are_not_ranked():
    flags = universe.eligible(
        panel([[1] * 6, [NAN, 1, 1, 1, 1, 1], [1, NAN, NAN, 1, 1, 1], [NAN] * 6]), LOOSE
    )
    expected = [[0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1], [0] * 6]
    np.testing.assert_array_equal(flags, np.array(expected, dtype=bool).T)


def test_special_treatment_lasts_until_the_source_says_otherwise():
    is_st = [[0, 0, 1, NAN, NAN, 0]]
    chosen = universe.eligible(panel([[1] * 6], is_st=is_st), LOOSE)
    np.testing.assert_array_equal(chosen[:, 0], [False, True, False, False, False, True])
    every = LOOSE.model_copy(update={"exclude_st": False})
    assert universe.eligible(panel([[1] * 6], is_st=is_st), every)[1:].all()


def test_only_stocks_are_ranked():
    symbols = ["000300.SH", "510300.SH", "113050.SH", "AAPL", "BENCH"]
    flags = universe.eligible(panel([[1] * 6] * 5, symbols, benchmarks=("BENCH",)), LOOSE)
    np.testing.assert_array_equal(flags[-1], [False, False, False, True, False])


@pytest.mark.parametrize("last", range(6))
def test_the_future_never_changes_the_universe(last):
    columns = [[1, NAN, 1, 1, NAN, 1], [NAN, NAN, 1, 1, 1, NAN]]
    whole = universe.eligible(panel(columns), LOOSE)
    part = universe.eligible(panel([c[: last + 1] for c in columns]), LOOSE)
    np.testing.assert_array_equal(whole[: last + 1], part)


def test_jumps_are_measured_from_the_last_known_price():
    prices = [[10, 11.01, 11.0, NAN, NAN, 9.0], [10, 11, 9.9, 10.89, 11.98, 11.98]]
    flags = universe.jumps(panel(prices))
    expected = [[0, 1, 0, 0, 0, 1], [0] * 6]
    np.testing.assert_array_equal(flags, np.array(expected, dtype=bool).T)
    moves = universe.large_moves(panel(prices))
    assert list(moves["symbol"]) == ["600000.SH"] * 2
    np.testing.assert_allclose(moves["before"], [10, 11])
    np.testing.assert_allclose(moves["after"], [11.01, 9])
    np.testing.assert_allclose(moves["move"], [0.101, -2 / 11])


def flagged(symbol, start, close, **fields):
    """Which closes of one stock beside an old one are jumps, from a first day on."""
    days = calendar.sessions(start, "2026-11-20")[: len(close)]
    both = np.column_stack([close, np.full(len(close), 5.0)])
    extra = {n: np.column_stack([v, np.zeros(len(v))]) for n, v in fields.items()}
    bars = Panel(days, (symbol, "600999.SH"), {"close": both, **extra}, "unadjusted")
    flags = universe.jumps(bars)
    assert not flags[:, 1].any()
    return flags[:, 0].astype(int).tolist()


def test_the_limit_is_the_boards_on_the_day():
    close = [10.0, 11.5, 13.2]  # + 15 % twice: before the ChiNext reform and on its first day
    assert flagged("300001.SZ", "2020-08-20", close) == [0, 1, 0]
    assert flagged("600000.SH", "2020-08-20", close) == [0, 1, 1]
    assert flagged("688001.SH", "2020-08-20", close) == [0, 0, 0]
    assert flagged("688001.SH", "2020-08-20", [10.0, 12.1, 12.1]) == [0, 1, 0]
    assert flagged("830799.BJ", "2022-01-04", [10.0, 12.9, 16.8]) == [0, 0, 1]


def test_special_treatment_has_its_own_limit_until_the_day_it_changed():
    close, special = [10.0, 10.8, 11.6], [1.0, 1.0, 1.0]  # 2026-07-02, -03, -06
    assert flagged("600000.SH", "2026-07-02", close, is_st=special) == [0, 1, 0]
    assert flagged("600000.SH", "2026-07-02", close, is_st=[0.0, 0.0, 0.0]) == [0, 0, 0]
    assert flagged("300001.SZ", "2020-08-20", [10.0, 10.6, 11.3], is_st=special) == [0, 1, 0]


def test_the_first_sessions_of_a_listing_have_no_limit():
    leaps = [NAN, 10.0, 14.0, 18.0, 23.0, 29.0, 36.0]
    assert flagged("600000.SH", "2023-05-08", leaps) == [0, 0, 0, 0, 0, 0, 1]
    assert flagged("600000.SH", "2022-05-09", leaps) == [0, 0, 1, 1, 1, 1, 1]


def test_where_no_limit_is_ruled_the_setting_decides():
    prices = [[10, 11.5, 14.0, 14.0]]
    for symbol in ("AAPL", "000300.SH"):
        flags = universe.jumps(panel(prices, [symbol]))
        np.testing.assert_array_equal(flags[:, 0], [0, 0, 1, 0])
        assert universe.jumps(panel(prices, [symbol]), 0.1)[:, 0].tolist() == [0, 1, 1, 0]


def test_a_price_carried_through_a_suspension_shows_where_it_was_lowered():
    close, carried = [[10, NAN, NAN, 6.0]], [[NAN, 10, 5.5, NAN]]
    flags = universe.jumps(panel(close, carried=carried))
    np.testing.assert_array_equal(flags[:, 0], [False, False, True, False])


@pytest.mark.parametrize("adjustment", ["raw", "adjusted"])
def test_prices_with_factors_have_no_unexplained_moves(adjustment):
    source = panel([[10, 5, 5]], adjustment=adjustment)
    assert not universe.jumps(source).any()
    assert not len(universe.large_moves(source))


def test_an_unbelievable_move_is_neither_profit_nor_loss():
    prices = panel([[10, 10.5, 5.0, 5.5, NAN, 2.0], [10, 9, 9.9, 9, 9.9, 9]])
    close = universe.without_jumps(prices).adjusted()["close"]
    np.testing.assert_allclose(close[:, 0], [10, 10.5, 10.5, 11.55, NAN, 11.55])
    np.testing.assert_array_equal(close[:, 1], prices["close"][:, 1])
    adjusted = panel([[10, 5]], adjustment="adjusted")
    assert universe.without_jumps(adjusted) is adjusted
