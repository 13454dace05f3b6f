"""What every indicator keeps to: no look-ahead, no bleeding between symbols, defined results."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks.errors import UserError
from tasks.indicators import lanes, technical

NAMES = [n for n in technical.__all__ if n not in ("Indicator", "compute")]
NO_WARM_UP = (
    *("obv", "ad", "avgprice", "medprice", "typprice", "wclprice", "bop"),
    *("marketfi", "nvi", "pvi", "pvt", "vwap", "wad"),
)


def tuples(result):
    return result if isinstance(result, tuple) else (result,)


def compute(name, bars, **parameters):
    indicator = getattr(technical, name)
    if indicator.inputs == ("volume",):  # which is 0, not NaN, on days without trading
        bars = {"volume": np.where(np.isnan(bars["close"]), np.nan, bars["volume"])}
    return tuples(indicator(*[bars[i] for i in indicator.inputs], **parameters))


def same_bits(a, b):
    return np.array_equal(a.view(np.int64), b.view(np.int64))


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_future_never_changes_the_past(name, bars):
    now = 200
    changed = {k: v.copy() for k, v in bars.items()}
    rng = np.random.default_rng(1)
    for grid in changed.values():
        grid[now:] = rng.random(grid[now:].shape) * 1000
        grid[now:][rng.random(grid[now:].shape) < 0.1] = np.nan
    for before, after in zip(compute(name, bars), compute(name, changed), strict=True):
        np.testing.assert_array_equal(before[:now], after[:now])


@pytest.mark.parametrize("name", NAMES)
def test_block_sizes_change_no_bit(name, bars, monkeypatch):
    reference = compute(name, bars)
    for block in (1, 3, 7, 70, 256):
        monkeypatch.setattr(lanes, "BLOCK", block)
        for a, b in zip(reference, compute(name, bars), strict=True):
            assert same_bits(a, b), f"block {block} changed bits"


@pytest.mark.parametrize("name", NAMES)
def test_symbols_do_not_meet_and_a_series_is_a_grid_of_one(name, bars):
    alone = {k: np.ascontiguousarray(v[:, 7]) for k, v in bars.items()}
    for whole, one in zip(compute(name, bars), compute(name, alone), strict=True):
        assert one.shape == alone["close"].shape
        np.testing.assert_array_equal(whole[:, 7], one)


@pytest.mark.parametrize("name", NAMES)
def test_symbols_without_bars_or_with_one_give_nan(name, bars):
    for result in compute(name, bars):
        assert np.isnan(result[:, 2]).all()
        assert np.isnan(result[:-1, 3]).all()
        if name not in NO_WARM_UP:
            assert np.isnan(result[-1, 3])


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_and_no_symbols_are_no_fault(name, bars):
    for shape in ((0, 3), (5, 0), (1, 1)):
        some = {k: np.ones(shape) for k in bars}
        assert all(result.shape == shape for result in compute(name, some))


@pytest.mark.parametrize("name", NAMES)
def test_suspended_days_are_nan_and_leave_no_trace(name, bars):
    holes = np.isnan(bars["close"])
    column = 4
    days = ~holes[:, column]
    dense = {k: np.ascontiguousarray(v[days, column]) for k, v in bars.items()}
    for whole, compact in zip(compute(name, bars), compute(name, dense), strict=True):
        assert np.isnan(whole[holes]).all()
        np.testing.assert_array_equal(whole[days, column], compact)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_stay_as_they_are(name, bars):
    frozen = {k: v.copy() for k, v in bars.items()}
    for grid in frozen.values():
        grid.flags.writeable = False
    compute(name, frozen)
    for key in bars:
        np.testing.assert_array_equal(frozen[key], bars[key])


@pytest.mark.parametrize("name", NAMES)
def test_travels_to_workers(name):
    indicator = getattr(technical, name)
    assert pickle.loads(pickle.dumps(indicator)) is indicator


@pytest.mark.parametrize("bad", [0, -3, 2.5, "5", 10**9])
def test_an_impossible_period_is_explained(bad, bars):
    with pytest.raises(UserError, match=r"rsi: timeperiod is .*whole number from 2"):
        technical.rsi(bars["close"], timeperiod=bad)


def test_unequal_shapes_are_explained(bars):
    with pytest.raises(UserError, match="differ in shape"):
        technical.atr(bars["high"], bars["low"][:-1], bars["close"])


positive = st.floats(0.01, 1e6)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(1, 60), st.just(3)), elements=positive))
def test_ranges_hold_for_any_prices(close):
    high, low = close * 1.01, close * 0.99
    volume = np.ones_like(close)
    inside = {
        "rsi": (0, 100, (close, 5)),
        "stoch": (0, 100, (high, low, close)),
        "willr": (-100, 0, (high, low, close, 5)),
        "mfi": (0, 100, (high, low, close, volume, 5)),
        "adx": (0, 100, (high, low, close, 3)),
        "correl": (-1, 1, (high, low, 5)),
        "stddev": (0, np.inf, (close, 5)),
    }
    for name, (least, most, arguments) in inside.items():
        for result in tuples(getattr(technical, name)(*arguments)):
            known = result[~np.isnan(result)]
            slack = 1e-9 * 100
            assert ((known >= least - slack) & (known <= most + slack)).all(), name


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([0.01, 3.0, 1e4]), st.integers(0, 5))
def test_scaled_prices_scale_or_keep_results(scale, seed):
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.02, (80, 2)), axis=0))
    high, low = close * 1.01, close * 0.98
    for name in ("sma", "ema", "wma", "mom", "stddev", "max", "min"):
        one = getattr(technical, name)(close, 10)
        np.testing.assert_allclose(getattr(technical, name)(close * scale, 10), one * scale, 1e-9)
    for name in ("stoch", "kdj", "willr", "cci", "adx"):
        one = tuples(getattr(technical, name)(high, low, close))
        other = tuples(getattr(technical, name)(high * scale, low * scale, close * scale))
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
