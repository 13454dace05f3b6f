"""Stocks that could not be traded on the last day, because their only price was a limit."""

import dataclasses

import numpy as np
import pytest

from tasks.data import health
from tasks.data.panel import Panel
from tasks.market import calendar

SYMBOLS = ("600000.SH", "600001.SH", "600004.SH", "300001.SZ", "600006.SH")
FIELDS = ("open", "high", "low", "close")


@pytest.fixture
def flat() -> Panel:
    """Ten sessions at 10.03 for all stocks."""
    days = calendar.sessions("2026-11-09", "2026-11-20")
    price = np.full((len(days), len(SYMBOLS)), 10.03)
    fields = {name: price.copy() for name in FIELDS}
    fields |= {"volume": np.full(price.shape, 1e4), "amount": np.full(price.shape, 1e5)}
    return Panel(days, SYMBOLS, fields, adjustment="raw")


def at(panel: Panel, column: int, price: float, row: int = -1) -> None:
    for name in FIELDS:
        panel[name][row, column] = price


def test_locked_stocks_are_counted_by_their_own_boards_limit(flat: Panel) -> None:
    assert health.limit_locked(flat) == 0, "a price that never moves is no limit"
    at(flat, 0, 11.03)
    at(flat, 1, 9.03)
    at(flat, 3, 11.03)
    assert health.limit_locked(flat) == 2, "on ChiNext 10 % is no limit"
    at(flat, 3, 12.04)
    assert health.limit_locked(flat) == 3


def test_a_stock_that_traded_at_other_prices_too_is_not_locked(flat: Panel) -> None:
    at(flat, 0, 11.03)
    flat["low"][-1, 0] = 10.50
    at(flat, 1, np.nan)
    assert health.limit_locked(flat) == 0


def test_the_limit_is_measured_from_before_a_suspension(flat: Panel) -> None:
    for row in range(-5, -1):
        at(flat, 2, np.nan, row)
    at(flat, 2, 11.03)
    assert health.limit_locked(flat) == 1


def test_first_sessions_of_a_listing_have_no_limit(flat: Panel) -> None:
    for row in range(9):
        at(flat, 4, np.nan, row)
    at(flat, 4, 44.0)
    assert health.limit_locked(flat) == 0


def test_adjusted_prices_know_no_limits(flat: Panel) -> None:
    assert health.limit_locked(dataclasses.replace(flat, adjustment="adjusted")) is None
