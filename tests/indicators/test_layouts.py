"""One market in any layout gives one value per symbol and date: where a name stands never counts.

Columns or index levels in both orders, names of several vendors, dates as times, texts, numbers,
objects or periods, categories, shuffled rows, pandas or polars.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cluster.factors import DistributedFactorCalculator
from tasks.cluster.manager import ClusterConfig, DaskDistributedManager, DistributedMode
from tasks.errors import UserError
from tasks.indicators import technical
from tasks.indicators.expressions import calculate_factors
from tasks.indicators.processor import GPUDataProcessor

FACTORS = {
    "past": "Ref($close, 1)",
    "mean": "Mean($close, 3)",
    "corr": "Corr($close, $volume, 4)",
    "rank": "CSRank($close)",
    "inside": "CSDemean($close, $industry)",
}
ALONE = {name: FACTORS[name] for name in ("past", "mean", "corr")}
ASKED = {"sma": ("sma", {"timeperiod": 3}), "atr": ("atr", {"timeperiod": 2})}
SYMBOLS = ("symbol", "CODE", "ts_code", "instrument", "代码", "股票代码", "证券代码", "stock_code",
           "secid", "sec_id", "sec_code", "wind_code", "order_book_id", "Ticker")  # fmt: skip
DATES = ("date", "Date", "datetime", "trade_date", "日期", "交易日期", "timestamp")
#: days that sort otherwise as texts: 2024-1-9 comes after 2024-1-10 there
DAYS = pd.to_datetime([f"2024-01-{day:02d}" for day in range(2, 13)])
WRITTEN = {
    "times": lambda d: d,
    "nanoseconds": lambda d: d.as_unit("ns"),
    "zoned": lambda d: d.tz_localize("Asia/Shanghai"),
    "texts": lambda d: [f"{x.year}-{x.month}-{x.day}" for x in d],
    "slashes": lambda d: [f"{x.year}/{x.month}/{x.day}" for x in d],
    "packed": lambda d: list(d.strftime("%Y%m%d")),
    "numbers": lambda d: [int(x) for x in d.strftime("%Y%m%d")],
    "objects": lambda d: pd.Index([x.date() for x in d], dtype=object),
    "periods": lambda d: d.to_period("D"),
}


def market() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    parts = []
    for number, symbol in enumerate(("600519.SH", "000001.SZ", "300750.SZ", "688981.SH")):
        days = np.sort(rng.choice(len(DAYS), len(DAYS) - number, replace=False))
        close = 10.0 * (number + 1) + rng.normal(0, 1, len(days)).cumsum()
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol, "date": DAYS[days], "high": close + 1, "low": close - 1,
                    "close": close, "volume": rng.integers(1, 99, len(days)).astype(float),
                    "industry": "bank" if number % 2 else "wine",
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


MARKET = market()


def results(given_frame, which=FACTORS):
    """Everything that takes long frames, as one pandas frame in the row order given."""
    found = technical.compute(ASKED, calculate_factors(given_frame, which, "cpu"))
    columns = GPUDataProcessor("cpu").calculate_indicators_gpu(given_frame)
    names = [*which, *ASKED]
    return pd.DataFrame(
        {**{n: found[n].to_numpy() for n in names}, "obv": columns["obv"].to_numpy()}
    )


EXPECTED = results(MARKET)


@st.composite
def layouts(draw):
    """The market's frame in a layout, and the order of its rows."""
    order = np.array(draw(st.permutations(range(len(MARKET)))))
    frame = MARKET.iloc[order].reset_index(drop=True)
    symbol, date = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(DATES))
    written = WRITTEN[draw(st.sampled_from(sorted(WRITTEN)))]
    frame["date"] = pd.Series(written(pd.DatetimeIndex(frame["date"])))
    for name in ("symbol", "industry"):
        if draw(st.booleans()):
            frame[name] = frame[name].astype("category")
    if draw(st.booleans()):
        frame["close"] = frame["close"].astype(object)
    frame = frame.rename(columns={"symbol": symbol, "date": date})
    frame = frame[draw(st.permutations(list(frame.columns)))]
    where = draw(st.sampled_from(("columns", "polars", "one level", "two levels", "no names")))
    if where == "polars":
        text = {c: frame[c].astype(str) for c in frame if frame[c].dtype == "period[D]"}
        frame = frame.assign(**text, close=frame["close"].astype(float))
        return pl.from_pandas(frame), order
    if where == "one level":
        return frame.set_index(draw(st.sampled_from([symbol, date]))), order
    if where != "columns":
        frame = frame.set_index(draw(st.permutations([symbol, date])))
        if where == "no names":
            frame.index.names = [None, None]
    return frame, order


@settings(max_examples=60)
@given(layouts())
def test_every_layout_of_a_market_gives_the_same_values(layout):
    frame, order = layout
    found = results(frame)
    expected = EXPECTED.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture(scope="module")
def calculator():
    with DaskDistributedManager(ClusterConfig(DistributedMode.THREADS, n_workers=2)) as manager:
        yield DistributedFactorCalculator(manager)


@settings(max_examples=25)
@given(layout=layouts())
def test_every_layout_gives_the_same_values_on_a_cluster(calculator, layout):
    frame, order = layout
    if isinstance(frame, pl.DataFrame):
        frame = frame.to_pandas()
    found = calculator.calculate_factors_batch(frame, FACTORS)
    assert found.index.equals(frame.index)
    expected = EXPECTED[list(FACTORS)].iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(FACTORS)].reset_index(drop=True), expected)


def test_the_index_stays_as_it_was():
    frame = MARKET.set_index(["date", "symbol"]).sort_index()
    for found in (calculate_factors(frame, FACTORS), technical.compute(ASKED, frame)):
        assert found.index.equals(frame.index)
        assert found.index.names == ["date", "symbol"]


@pytest.mark.parametrize("written", ["texts", "numbers", "objects", "periods"])
@pytest.mark.parametrize("name", ["trade_date", None])
def test_dates_in_the_index_order_the_rows_of_one_symbol(written, name):
    one = MARKET[MARKET["symbol"] == "600519.SH"].drop(columns="symbol")[::-1]
    index = pd.Index(WRITTEN[written](pd.DatetimeIndex(one["date"])), name=name)
    frame = one.drop(columns="date").set_index(index)
    past = calculate_factors(frame, {"past": FACTORS["past"]})["past"]
    np.testing.assert_array_equal(past.to_numpy()[:-1], one["close"].to_numpy()[1:])
    assert np.isnan(past.iloc[-1])


def renamed(**names):
    return MARKET.rename(columns=names)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (renamed(symbol="stk"), "its column 'stk' holds different texts: call it 'symbol'"),
        (renamed(symbol="stk").astype({"stk": "category"}), "its column 'stk' holds different"),
        (renamed(symbol="stk").set_index("stk").drop(columns="industry"), "its index holds"),
        (renamed(symbol="stk").set_index(["stk", "date"]), "the level stk of the frame's index"),
        (
            MARKET.set_index(["date", "high"]).drop(columns="symbol"),
            "the level high of the frame's",
        ),
        (
            renamed(date="when"),
            "but its column 'when' holds different days: call it 'date'",
        ),
        (renamed(date="when").assign(when=lambda f: f["when"].astype(str)), "its column 'when'"),
        (MARKET.assign(symbol=["a", None] * 19), "row 1 of the frame has no symbol"),
        (MARKET.assign(symbol=["a", " "] * 19), "row 1 of the frame has no symbol"),
        (MARKET.assign(date=[DAYS[0], pd.NaT] * 19), "row 1 of the frame has no date"),
        (MARKET.assign(date=["2024-01-02", None] * 19), "row 1 of the frame has no date"),
        (MARKET.assign(date=["2024-01-02", "soon"] * 19), "row 1 .* has the date 'soon', which is"),
        (MARKET.assign(date=[20240131, 20240132] * 19), "row 1 .* the date '20240132', which is"),
        (MARKET.assign(date=[2024110, 20241101] * 19), "row 0 .* the date '2024110', which is"),
        (pd.concat([MARKET, MARKET]), "symbol 000001.SZ has several rows for 2024-01-02: remove"),
        (MARKET.assign(Close=1.0), "'close' and 'Close' of the frame are one field"),
        (MARKET.rename(columns={"high": "low"}), "several columns 'low'"),
        (MARKET.assign(x=1.0).rename(columns={"x": 0}), "column 0 of the frame has a name"),
        (MARKET.assign(close="dear"), "column 'close' is text, not numbers"),
        (MARKET.assign(close=MARKET["date"]), "column 'close' cannot be read as numbers"),
        (renamed(close="price"), "close"),
    ],
)
@pytest.mark.parametrize("library", [pd, pl])
def test_what_cannot_be_told_is_refused(frame, words, library):
    if library is pl:
        odd = frame.index.nlevels > 1 or frame.index.name or frame.columns.has_duplicates
        if odd or 0 in frame.columns:
            pytest.skip("polars has no index, and columns with a name of their own each")
        frame = pl.from_pandas(frame)
    with pytest.raises(UserError, match=words):
        calculate_factors(frame, {"past": "Ref($close, 1)"})
    with pytest.raises(UserError, match=words):
        technical.compute({"sma": "sma"}, frame)


def test_texts_beside_the_symbols_are_no_fault():
    frame = MARKET.assign(name=[f"n{i}" for i in range(len(MARKET))])
    assert calculate_factors(frame, ALONE)["past"].notna().any()
    one = MARKET[MARKET["symbol"] == "600519.SH"].drop(columns="symbol")
    told = one.assign(ann_date=[f"2024-02-{i + 1}" for i in range(len(one))])
    assert calculate_factors(told, ALONE)["past"].notna().any()
    undated = one.drop(columns="date").assign(list_date="2001-08-27")
    assert calculate_factors(undated, ALONE)["past"].notna().any()


def test_a_text_is_a_group_and_no_number():
    with pytest.raises(UserError, match="column 'industry' is text, not numbers"):
        calculate_factors(MARKET, {"sum": "$close + CSRank($close, $industry) + $industry"})
    fields = {
        name: MARKET.pivot(index="date", columns="symbol", values=name)
        for name in ("close", "industry")
    }
    found = calculate_factors(fields, {"inside": FACTORS["inside"]})["inside"]
    stacked = found.stack()[pd.MultiIndex.from_frame(MARKET[["date", "symbol"]])]
    np.testing.assert_array_equal(stacked.to_numpy(), EXPECTED["inside"].to_numpy())


@pytest.mark.parametrize("factors", ["Mean($close, 2)", ["$close"], None, {1: "$close"}, {"a": 5}])
def test_factors_are_texts_by_name(factors):
    with pytest.raises(UserError, match="give a"):
        calculate_factors(MARKET, factors)


def test_a_result_takes_no_place_of_bars_and_may_be_made_again():
    with pytest.raises(UserError, match="'close' would take the place of the frame's column"):
        calculate_factors(MARKET, {"close": "Ref($close, 1)"})
    with pytest.raises(UserError, match="'mine' would take the place"):
        calculate_factors(MARKET.assign(mine=1.0), {"mine": "Ref($mine, 1)"})
    with pytest.raises(UserError, match="'date' would take the place"):
        technical.compute({"date": "sma"}, MARKET)
    once = calculate_factors(MARKET, ALONE)
    pd.testing.assert_frame_equal(calculate_factors(once, ALONE), once)
