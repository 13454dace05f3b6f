"""Every indicator equals TA-Lib on the series compacted to its trading days."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from tasks.indicators import technical

HLC = ("high", "low", "close")

#: name: inputs, relative and absolute tolerance (of TA-Lib's own rounding, in units of the result)
EXACT = (0.0, 0.0)
CASES = {
    "sma": (("close",), EXACT),
    "ema": (("close",), EXACT),
    "wma": (("close",), (1e-12, 0.0)),
    "rsi": (("close",), (1e-12, 1e-12)),
    "macd": (("close",), (1e-11, 1e-12)),
    "bbands": (("close",), (1e-9, 0.0)),
    "atr": (HLC, (1e-13, 0.0)),
    "stoch": (HLC, (1e-11, 1e-11)),
    "kdj": (HLC, (1e-11, 1e-11)),
    "cci": (HLC, (1e-12, 1e-9)),
    "obv": (("close", "volume"), EXACT),
    "roc": (("close",), (1e-12, 1e-13)),
    "mom": (("close",), EXACT),
    "willr": (HLC, (1e-13, 1e-13)),
    "stddev": (("close",), (1e-9, 1e-6)),
    "max": (("close",), EXACT),
    "min": (("close",), EXACT),
    "adx": (HLC, (1e-12, 0.0)),
    "mfi": ((*HLC, "volume"), (1e-11, 1e-11)),
    "correl": (("high", "low"), (1.5e-9, 1.5e-9)),
    "apo": (("close",), (1e-11, 1e-12)),
    "bop": (("open", *HLC), (1e-9, 1e-12)),
    "cmo": (("close",), (1e-11, 1e-11)),
    "ppo": (("close",), (1e-11, 1e-11)),
    "rocp": (("close",), (1e-9, 1e-13)),
    "rocr": (("close",), EXACT),
    "rocr100": (("close",), EXACT),
    "stochf": (HLC, (1e-11, 1e-11)),
    "stochrsi": (("close",), (1e-8, 1e-8)),
    "trix": (("close",), (1e-9, 1e-11)),
    "ultosc": (HLC, (1e-10, 1e-10)),
    "dema": (("close",), (1e-12, 0.0)),
    "tema": (("close",), (1e-12, 0.0)),
    "t3": (("close",), (1e-12, 0.0)),
    "trima": (("close",), (1e-12, 0.0)),
    "kama": (("close",), (1e-10, 0.0)),
    "midpoint": (("close",), (1e-15, 0.0)),
    "midprice": (("high", "low"), (1e-15, 0.0)),
    "avgprice": (("open", *HLC), (1e-15, 0.0)),
    "medprice": (("high", "low"), EXACT),
    "typprice": (HLC, EXACT),
    "wclprice": (HLC, EXACT),
    "linearreg": (("close",), (1e-11, 0.0)),
    "linearreg_angle": (("close",), (3.4e-8, 1e-9)),
    "linearreg_intercept": (("close",), (1e-11, 0.0)),
    "linearreg_slope": (("close",), (3.4e-8, 1e-10)),
    "tsf": (("close",), (1e-11, 0.0)),
    "minmax": (("close",), EXACT),
    "sum": (("close",), (1e-12, 0.0)),
    "var": (("close",), (1e-8, 1e-12)),
    "adxr": (HLC, (1e-12, 0.0)),
    "aroon": (("high", "low"), (1e-12, 1e-12)),
    "aroonosc": (("high", "low"), (1e-12, 1e-12)),
    "dx": (HLC, (1e-11, 1e-11)),
    "minus_di": (HLC, (1e-12, 1e-12)),
    "minus_dm": (("high", "low"), (1e-12, 1e-12)),
    "plus_di": (HLC, (1e-12, 1e-12)),
    "plus_dm": (("high", "low"), (1e-12, 1e-12)),
    "natr": (HLC, (1e-12, 0.0)),
    "trange": (HLC, EXACT),
    "ad": ((*HLC, "volume"), (1e-12, 1e-3)),
    "adosc": ((*HLC, "volume"), (1e-9, 1e-3)),
    "accbands": (HLC, (1e-12, 0.0)),
    "ao": (("high", "low"), (1e-9, 1e-11)),
    "ac": (("high", "low"), (1e-9, 1e-11)),
    "adr": (("high", "low"), (1e-12, 0.0)),
    "avgdev": (("close",), (1e-11, 1e-12)),
    "beta": (("high", "low"), (1e-8, 1e-9)),
    "cmf": ((*HLC, "volume"), (1e-9, 1e-12)),
    "cmou": (("close",), (1e-10, 1e-10)),
    "coppock": (("close",), (1e-9, 1e-10)),
    "cvi": (("high", "low"), (1e-9, 1e-10)),
    "donchian": (("high", "low"), (1e-15, 0.0)),
    "dpo": (("close",), (1e-9, 1e-11)),
    "efi": (("close", "volume"), (1e-9, 1e-3)),
    "er": (("close",), (1e-10, 1e-12)),
    "eri": (HLC, (1e-9, 1e-11)),
    "fosc": (("close",), (1e-8, 1e-9)),
    "hma": (("close",), (1e-10, 0.0)),
    "imi": (("open", "close"), (1e-9, 1e-9)),
    "kc": (HLC, (1e-11, 0.0)),
    "macdfix": (("close",), (1e-10, 1e-12)),
    "marketfi": (("high", "low", "volume"), EXACT),
    "massi": (("high", "low"), (1e-11, 0.0)),
    "nvi": (("close", "volume"), (1e-11, 0.0)),
    "pvi": (("close", "volume"), (1e-11, 0.0)),
    "pvo": (("volume",), (1e-9, 1e-10)),
    "pvt": (("close", "volume"), (1e-8, 1e-3)),
    "qstick": (("open", "close"), (1e-9, 1e-11)),
    "rma": (("close",), (1e-12, 0.0)),
    "rvol": (("volume",), (1e-11, 0.0)),
    "smi": (HLC, (1e-9, 1e-9)),
    "tsi": (("close",), (1e-9, 1e-9)),
    "vhf": (("close",), (1e-10, 1e-12)),
    "vortex": (HLC, (1e-11, 0.0)),
    "vwap": ((*HLC, "volume"), (1e-11, 0.0)),
    "vwma": (("close", "volume"), (1e-11, 0.0)),
    "wad": (HLC, (1e-9, 1e-9)),
    "zlema": (("close",), (1e-11, 0.0)),
}


def tuples(result):
    return result if isinstance(result, tuple) else (result,)


def known(bars: dict[str, np.ndarray], inputs: tuple[str, ...]) -> list[np.ndarray]:
    """Inputs; a volume by itself is unknown on days not traded."""
    if inputs == ("volume",):
        return [np.where(np.isnan(bars["close"]), np.nan, bars["volume"])]
    return [bars[i] for i in inputs]


def oracle(name: str, grids: list[np.ndarray], **parameters) -> list[np.ndarray]:
    """TA-Lib column by column on trading days only, scattered back to the calendar."""
    function = getattr(talib, name.upper())
    if name in (
        "apo",
        "ppo",
        "pvo",
    ):  # exponential, as by default in talib.abstract
        parameters["matype"] = 1
    outs: list[np.ndarray] = []
    for j in range(grids[0].shape[1]):
        days = ~np.isnan(sum(g[:, j] for g in grids))
        if not days.any():
            continue
        results = tuples(function(*[np.ascontiguousarray(g[days, j]) for g in grids], **parameters))
        if not outs:
            outs = [np.full(grids[0].shape, np.nan) for _ in results]
        for out, result in zip(outs, results, strict=True):
            out[days, j] = result
    return outs


@pytest.mark.parametrize("name", CASES)
def test_equals_talib_on_trading_days(name, bars):
    inputs, (rtol, atol) = CASES[name]
    grids = known(bars, inputs)
    for ours, theirs in zip(
        tuples(getattr(technical, name)(*grids)), oracle(name, grids), strict=True
    ):
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), "NaN in other places"
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("period", [4, 7, 120])
def test_equals_talib_for_other_periods(name, period, bars):
    if "timeperiod" not in getattr(technical, name).defaults:
        pytest.skip("has no single period")
    inputs, (rtol, atol) = CASES[name]
    grids = known(bars, inputs)
    ours = tuples(getattr(technical, name)(*grids, timeperiod=period))
    for mine, theirs in zip(ours, oracle(name, grids, timeperiod=period), strict=True):
        assert np.array_equal(np.isnan(mine), np.isnan(theirs))
        np.testing.assert_allclose(mine, theirs, rtol=max(rtol, 1e-9), atol=max(atol, 1e-6))


def test_every_public_indicator_is_compared_here():
    public = {n for n in technical.__all__ if n not in ("Indicator", "compute")}
    assert public == set(CASES)
