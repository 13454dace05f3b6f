"""Many indicators at once give what each gives by itself, in every kind of frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators import technical
from tasks.indicators.lanes import Indicator

INDICATORS = [n for n in technical.__all__ if n not in ("Indicator", "compute")]
EVERYTHING = {name: name for name in INDICATORS}


def same_bits(a, b):
    return np.array_equal(a.view(np.int64), b.view(np.int64))


def alone(name, bars):
    """Each result of an indicator's own function under the name `compute` gives it."""
    one: Indicator = getattr(technical, name)
    results = one(*[bars[i] for i in one.inputs])
    if not one.outputs:
        return {name: results}
    assert len(results) == len(one.outputs)
    return {f"{name}_{o}": r for o, r in zip(one.outputs, results, strict=True)}


@pytest.fixture(scope="module")
def together(bars):
    return technical.compute(EVERYTHING, bars)


@pytest.mark.parametrize("name", INDICATORS)
def test_each_is_what_its_own_function_gives(name, bars, together):
    holes = np.isnan(bars["close"])
    clean = {k: np.where(holes, np.nan, v) for k, v in bars.items()}  # volume too, for `sum` of it
    for key, grid in alone(name, clean).items():
        assert same_bits(together[key], grid), key


@settings(max_examples=8, deadline=None)
@given(
    block=st.sampled_from([1, 3, 7, 13, 37, 70, 200]),
    order=st.permutations(range(70)),
)
def test_blocks_and_the_order_of_symbols_change_no_bit(bars, together, block, order):
    mixed = {k: np.ascontiguousarray(v[:, order]) for k, v in bars.items()}
    for key, grid in technical.compute(EVERYTHING, mixed, block=block).items():
        assert same_bits(grid, np.ascontiguousarray(together[key][:, order])), key


def test_a_column_does_not_depend_on_what_else_is_asked_for(bars, together):
    for name in ("natr", "ultosc", "macd", "bbands", "correl"):
        for key, grid in technical.compute({name: name}, bars).items():
            assert same_bits(grid, together[key])


def test_float32_is_the_rounded_float64(bars, together):
    for key, grid in technical.compute(EVERYTHING, bars, "float32").items():
        assert grid.dtype == np.float32
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(grid, together[key].astype(np.float32))


def test_parameters_and_fields_can_be_chosen(bars):
    asked = {
        "fast": ("rsi", {"timeperiod": 6}),
        "volume_20": ("sma", {"close": "volume", "timeperiod": 20}),
        "both": ("correl", {"high": "close", "low": "volume", "timeperiod": 20}),
    }
    made = technical.compute(asked, bars)
    traded = np.where(np.isnan(bars["close"]), np.nan, bars["volume"])
    assert same_bits(made["fast"], technical.rsi(bars["close"], 6))
    assert same_bits(made["volume_20"], technical.sma(traded, 20))
    assert same_bits(made["both"], technical.correl(bars["close"], traded, 20))


def test_a_panel_gives_grids(bars, together):
    dates = np.datetime64("2020-01-01") + np.arange(len(bars["close"]))
    symbols = tuple(f"{i:06d}.SZ" for i in range(70))
    made = technical.compute({"atr": "atr"}, Panel(dates, symbols, bars, "adjusted"))
    assert same_bits(made["atr"], together["atr"])


def long_frame(bars, seed=0):
    """Rows of the bars in any order, without those of days not traded."""
    days, symbols = bars["close"].shape
    frame = pd.DataFrame(
        {
            "symbol": np.tile([f"{i:06d}.SZ" for i in range(symbols)], days),
            "date": np.repeat(np.datetime64("2020-01-01") + np.arange(days), symbols),
            **{k: v.reshape(-1) for k, v in bars.items()},
        }
    )
    return frame.dropna().sample(frac=1.0, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_long_frame_gets_columns_and_no_symbol_meets_another(library, bars, together):
    frame = long_frame(bars)
    given = frame if library == "pandas" else pl.from_pandas(frame)
    made = technical.compute({"rsi": "rsi", "macd": "macd", "atr": ("atr", {})}, given)
    assert type(made) is type(given)
    days = (frame["date"].to_numpy() - np.datetime64("2020-01-01")).astype("timedelta64[D]")
    rows, columns = days.astype(int), frame["symbol"].str[:6].astype(int).to_numpy()
    for key in ("rsi", "macd_macd", "macd_macdsignal", "macd_macdhist", "atr"):
        np.testing.assert_array_equal(made[key].to_numpy(), together[key][rows, columns])


def test_wide_frames_and_torch_go_in_as_fields(bars, together):
    torch = pytest.importorskip("torch")
    fields = {
        "high": pd.DataFrame(bars["high"]),
        "low": pl.DataFrame(bars["low"], schema=[str(i) for i in range(70)]),
        "close": torch.from_numpy(bars["close"].copy()),
    }
    made = technical.compute({"atr": "atr"}, fields)["atr"]
    assert isinstance(made, torch.Tensor), "the kind of close"
    assert same_bits(made.numpy(), together["atr"])


def test_results_come_in_the_kind_shape_and_names_of_the_field(bars, together):
    days = pd.date_range("2020-01-01", periods=300)
    close = pd.DataFrame(bars["close"], days, [f"s{i}" for i in range(70)])
    made = technical.compute({"rsi": "rsi", "macd": "macd"}, {"open": bars["open"], "close": close})
    for key, frame in made.items():
        pd.testing.assert_frame_equal(frame, pd.DataFrame(together[key], days, close.columns))
    single = technical.compute({"rsi": "rsi"}, {"close": close["s3"]}, "float32")["rsi"]
    assert single.name == "s3"
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.to_numpy(), together["rsi"][:, 3], rtol=1e-6)
    series = technical.compute({"rsi": "rsi"}, {"close": pl.Series("c", bars["close"][:, 3])})
    assert same_bits(series["rsi"].to_numpy(), together["rsi"][:, 3].copy())


def test_constant_prices_give_defined_results():
    flat = {k: np.full((300, 2), 7.7) for k in ("open", "high", "low", "close", "volume")}
    for key, grid in technical.compute(EVERYTHING, flat).items():
        assert not np.isinf(grid).any(), key
        assert np.array_equal(grid[:, 0], grid[:, 1], equal_nan=True), key


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"x": "nonsense"}, "no indicator 'nonsense'"),
        ({"x": ("rsi", {"days": 3})}, "no parameter 'days'"),
        ({"x": ("rsi", {"timeperiod": 0})}, "timeperiod is 0"),
        ({"x": ("rsi", {"timeperiod": True})}, "timeperiod is True"),
        ({"x": ("bbands", {"nbdevup": "2"})}, "nbdevup is '2', it must be a finite number"),
        ({"x": ("bbands", {"nbdevup": None})}, "nbdevup is None, it must be a finite number"),
        ({"x": ("bbands", {"nbdevdn": float("nan")})}, "nbdevdn is nan, it must be a finite"),
        ({"x": ("bbands", {"nbdevdn": np.ones(2)})}, "nbdevdn is array"),
        ({"x": ("rsi", {"close": "vwap"})}, "no field 'vwap'"),
        ({"x": 5}, "'x': 5 is no indicator"),
        ({"x": ("rsi",)}, "is no indicator"),
        ({"x": ("rsi", 6)}, "is no indicator"),
        ({7: "rsi"}, "7: 'rsi' is no indicator"),
        ("rsi", "requests are 'rsi': give a mapping"),
        (["rsi"], "give a mapping"),
        (None, "requests are None: give a mapping"),
    ],
)
def test_mistakes_are_explained(asked, words, bars):
    with pytest.raises(UserError, match=words):
        technical.compute(asked, bars)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"dtype": int}, "give float64 or float32"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"block": 0}, "block is 0"),
        ({"block": -1}, "block is -1"),
    ],
)
def test_ways_to_compute_that_are_none(how, words, bars):
    with pytest.raises(UserError, match=words):
        technical.compute({"rsi": "rsi"}, bars, **how)


def test_nothing_asked_for_is_nothing(bars):
    assert technical.compute({}, bars) == {}
    assert technical.compute({"rsi": "rsi"}, {"close": np.empty((0, 3))})["rsi"].shape == (0, 3)
    assert technical.compute({"rsi": "rsi"}, {"close": np.empty((5, 0))})["rsi"].shape == (5, 0)
