"""The gate's rule on price limits, against the rule book's grid and by the days that changed it."""

import numpy as np
import pandas as pd
import pytest

from tasks.data.bars import Bars
from tasks.data.config import GateConfig
from tasks.data.gate import gate
from tasks.data.panel import Panel
from tasks.market import calendar
from tasks.market.rules_limits import limits

OLD = "600999.SH"
#: its fields
OLDS = {"is_st": 0.0, "factor": 1.0, "preclose": np.nan}


def bars(histories, start, adjustment="raw", **fields):
    """Rows of stocks from a first day on; NaN leaves a row out. `OLD` is always there."""
    length = max(map(len, histories.values()))
    days = calendar.sessions(start, "2026-11-20")[:length]
    rows = []
    for symbol, closes in {**histories, OLD: [10.0] * length}.items():
        for i, close in enumerate(closes):
            if not np.isnan(close):
                own = {n: values[i] if symbol != OLD else OLDS[n] for n, values in fields.items()}
                rows.append({"symbol": symbol, "date": days[i], "close": close} | own)
    frame = pd.DataFrame(rows)
    for name in ("open", "high", "low"):
        frame[name] = frame["close"]
    frame["volume"] = 100.0
    if adjustment == "raw" and "factor" not in frame:
        frame["factor"] = 1.0
    frame["date"] = frame["date"].astype("datetime64[us]")
    frame["symbol"] = frame["symbol"].astype("category")
    return Bars(frame, adjustment, "test")


def set_aside(symbol, start, closes, config=None, **fields):
    """Positions in the history of rows that are beyond the limit."""
    given = bars({symbol: closes}, start, **fields)
    found = gate(given, config).quarantine
    assert set(found["rule"]) <= {"beyond_limit"}
    assert set(found["symbol"]) <= {symbol}
    days = calendar.sessions(start, "2026-11-20").astype("datetime64[us]")
    return np.searchsorted(days, found["date"].to_numpy()).tolist()


@pytest.mark.parametrize(
    ("symbol", "start", "closes", "fields", "expected"),
    [
        ("300001.SZ", "2020-08-20", [10.0, 11.5, 11.5], {}, [1]),
        ("300001.SZ", "2020-08-21", [10.0, 11.5, 11.5], {}, []),
        ("600000.SH", "2026-07-02", [10.0, 10.9, 10.9], {"is_st": [1.0] * 3}, [1]),
        ("600000.SH", "2026-07-03", [10.0, 10.9, 10.9], {"is_st": [1.0] * 3}, []),
        ("688001.SH", "2022-01-04", [10.0, 11.9, 14.9], {}, [2]),
        ("830799.BJ", "2022-01-04", [10.0, 12.9, 17.5], {}, [2]),
        ("600000.SH", "2023-05-08", [np.nan, 10.0, 20.0, 40.0, 20.0, 10.0, 5.0, 5.0], {}, [6]),
        ("600000.SH", "2022-05-09", [np.nan, 10.0, 20.0, 20.0], {}, [2]),
        ("AAPL", "2022-01-04", [10.0, 30.0, 10.0], {}, []),
    ],
)
def test_limits_of_board_status_listing_and_day(symbol, start, closes, fields, expected):
    assert set_aside(symbol, start, closes, **fields) == expected


def test_a_wrong_price_and_a_lasting_change_of_level_cost_one_row_each():
    assert set_aside("600000.SH", "2022-01-04", [10.0, 100.0, 10.1, 10.2, 10.1]) == [1]
    assert set_aside("600000.SH", "2022-01-04", [10.0, 5.0, 5.1, 5.2, 5.1]) == [1]


def test_after_a_suspension_nothing_is_judged():
    closes = [10.0, np.nan, 20.0, 20.5]
    assert set_aside("600000.SH", "2022-01-04", closes) == []


def test_factors_and_previous_closes_explain_a_move():
    closes = [10.0, 5.1, 5.2]
    assert set_aside("600000.SH", "2022-01-04", closes) == [1]
    assert set_aside("600000.SH", "2022-01-04", closes, factor=[1.0, 2.0, 2.0]) == []
    assert set_aside("600000.SH", "2022-01-04", closes, preclose=[np.nan, 5.0, 5.1]) == []


def test_without_factors_or_with_a_wide_tolerance_nothing_is_set_aside():
    given = bars({"600000.SH": [10.0, 5.0, 5.0]}, "2022-01-04", "unadjusted")
    assert not len(gate(given).quarantine)
    wide = GateConfig(limit_tolerance=1.0)
    assert set_aside("600000.SH", "2022-01-04", [10.0, 5.0, 5.0], wide) == []


def test_the_rule_agrees_with_the_grid_of_limits():
    rng = np.random.default_rng(3)
    symbols = ("300001.SZ", "600000.SH", "688001.SH", "830799.BJ")
    close = np.round(1000 * np.exp(np.cumsum(rng.normal(0, 0.09, (60, 4)), axis=0)), 2)
    given = bars(dict(zip(symbols, close.T, strict=True)), "2022-01-04")
    found = gate(given, GateConfig(limit_tolerance=0.0, max_bad_share=1.0)).quarantine
    days = calendar.sessions("2022-01-04", "2026-11-20")[:60]
    panel = Panel(days, symbols, {"close": close}, "unadjusted")
    up, down = limits(panel)
    outside = (close > up + 0.011) | (close < down - 0.011)
    near = np.fmin(np.abs(close - up), np.abs(close - down)) < 0.02
    assert not near.any(), "a tick's slack decides nothing here"
    for n, symbol in enumerate(symbols):
        rows = np.searchsorted(days, found["date"][found["symbol"] == symbol].to_numpy())
        expected, last = [], -2
        for t in np.flatnonzero(outside[:, n]):
            if t - 1 != last:
                expected.append(int(t))
                last = t
        assert rows.tolist() == expected
    assert len(found) > 10
