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
    prices = [[10, 12.1, 12.0, NAN, NAN, 9.0], [10, 12, 10, 8, 9, 9]]
    flags = universe.jumps(panel(prices))
    expected = [[0, 1, 0, 0, 0, 1], [0] * 6]
    np.testing.assert_array_equal(flags, np.array(expected, dtype=bool).T)
    moves = universe.large_moves(panel(prices))
    assert list(moves["symbol"]) == ["600000.SH"] * 2
    np.testing.assert_allclose(moves["before"], [10, 12])
    np.testing.assert_allclose(moves["after"], [12.1, 9])
    np.testing.assert_allclose(moves["move"], [0.21, -0.25])


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
    prices = panel([[10, 10.5, 5.0, 5.5, NAN, 2.0], [10, 9, 10, 9, 10, 9]])
    close = universe.without_jumps(prices).adjusted()["close"]
    np.testing.assert_allclose(close[:, 0], [10, 10.5, 10.5, 11.55, NAN, 11.55])
    np.testing.assert_array_equal(close[:, 1], prices["close"][:, 1])
    adjusted = panel([[10, 5]], adjustment="adjusted")
    assert universe.without_jumps(adjusted) is adjusted
