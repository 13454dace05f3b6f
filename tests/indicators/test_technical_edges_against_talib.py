"""Where a market stands still, trades nothing or very little: TA-Lib's numbers, or a reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tasks.indicators import technical

_SPEC = importlib.util.spec_from_file_location(
    "talib_cases", Path(__file__).parent / "test_technical_against_talib.py"
)
_CASES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_CASES)
CASES, oracle, tuples = _CASES.CASES, _CASES.oracle, _CASES.tuples

DAYS, FLAT = 900, slice(150, 640)
UNDEFINED = "a change in percent of nothing is no number; TA-Lib says 0"
UNTRADED = "without any volume there is no such price; TA-Lib says 0"
INFINITE = "a part of nothing is no number; TA-Lib divides what rounding left by 0"
#: by series and indicator, why our number is another one; periods are the usual ones
EXCEPTIONS = {
    ("constant", "cvi"): UNDEFINED,
    ("never any volume", "pvo"): UNDEFINED,
    ("never any volume", "vwap"): UNTRADED,
    ("no volume at first", "pvo"): UNDEFINED,
    ("no volume at first", "rvol"): INFINITE,
    ("no volume at first", "vwap"): UNTRADED,
    ("no volume for long", "rvol"): INFINITE,
    ("no volume for long", "vwma"): INFINITE,
}
#: the same by indicator and kind of periods
OF_PERIODS = {
    ("natr", "least"): "percent of the close for 1 day too; TA-Lib gives the range itself"
}


def walk(seed: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    close = 20 * np.exp(np.cumsum(random.normal(0, 0.02, DAYS)))
    open_ = close * (1 + random.normal(0, 0.005, DAYS))
    return {
        "open": open_,
        "high": np.maximum(open_, close) * (1 + abs(random.normal(0, 0.01, DAYS))),
        "low": np.minimum(open_, close) * (1 - abs(random.normal(0, 0.01, DAYS))),
        "close": close,
        "volume": random.integers(1, 10**6, DAYS).astype(float),
    }


def standing(bars: dict[str, np.ndarray], days: slice) -> dict[str, np.ndarray]:
    """The same with one price and one volume on some days."""
    found = {name: values.copy() for name, values in bars.items()}
    for name in ("open", "high", "low", "close"):
        found[name][days] = bars["close"][days.start or 0]
    found["volume"][days] = bars["volume"][0]
    return found


def without_volume(days: slice) -> dict[str, np.ndarray]:
    bars = walk()
    bars["volume"][days] = 0.0
    return bars


SERIES = {
    "flat for long": standing(walk(), FLAT),
    "constant": standing(walk(), slice(0, DAYS)),
    "no volume at first": without_volume(slice(0, 60)),
    "no volume for long": without_volume(FLAT),
    "never any volume": without_volume(slice(0, DAYS)),
    "tiny trades": {name: values * 1e-5 for name, values in walk().items()},
}


def differ(name: str, bars: dict[str, np.ndarray], **parameters: int) -> bool:
    inputs, (rtol, atol) = CASES[name]
    grids = [bars[i][:, None] for i in inputs]
    ours = tuples(getattr(technical, name)(*grids, **parameters))
    for mine, theirs in zip(ours, oracle(name, grids, **parameters), strict=True):
        size = np.nanmax(np.abs(theirs), initial=0.0)
        if not np.array_equal(np.isnan(mine), np.isnan(theirs)) or not np.allclose(
            mine, theirs, rtol=max(rtol, 1e-8), atol=max(1e-8 * size, atol * 1e-3), equal_nan=True
        ):
            return True
    return False


@pytest.mark.parametrize("series", SERIES)
def test_equals_talib_but_for_exceptions_with_a_reason(series: str) -> None:
    found = {(series, name) for name in CASES if differ(name, SERIES[series])}
    assert found == {key for key in EXCEPTIONS if key[0] == series}


def periods(name: str, kind: str) -> dict[str, int]:
    """The least periods, or usual ones in the opposite order."""
    function = getattr(technical, name)
    whole = {n: v for n, v in function.defaults.items() if isinstance(v, int)}
    if kind == "least":
        return {n: function.minima.get(n, 1) for n in whole}
    return {n: 15 - 3 * i for i, n in enumerate(whole)}


def refused(name: str, parameters: dict[str, int]) -> bool:
    """Whether TA-Lib does not compute these periods; ours are more."""
    bars = walk()
    try:
        oracle(name, [bars[i][:, None] for i in CASES[name][0]], **parameters)
    except Exception as error:
        if "TA_BAD_PARAM" not in str(error):
            raise
        return True
    return False


@pytest.mark.parametrize("kind", ["least", "opposite"])
def test_least_periods_and_slow_before_fast_are_talibs(kind: str) -> None:
    found = set()
    for name in CASES:
        chosen = periods(name, kind)
        if chosen and not refused(name, chosen) and differ(name, walk(), **chosen):
            found.add((name, kind))
    assert found == {key for key in OF_PERIODS if key[1] == kind}


@pytest.mark.parametrize("days", [2, 3])
def test_hulls_average_of_few_days(days: int) -> None:
    assert not differ("hma", walk(), timeperiod=days)


@pytest.mark.parametrize("name", ["rsi", "cmo", "plus_di", "minus_di", "dx"])
@pytest.mark.parametrize("days", [2, 6])
def test_smoothed_moves_keep_their_proportion_however_long_nothing_moves(
    name: str, days: int
) -> None:
    assert not differ(name, SERIES["flat for long"], timeperiod=days)


def test_money_flow_stays_between_0_and_100() -> None:
    rising = np.r_[walk()["close"][:200], 100.0 + np.arange(100.0)]
    falling = np.r_[walk()["close"][:200], 20.0 - 0.1 * np.arange(100.0)]
    volume = walk()["volume"][:300]
    for close, last in ((rising, 100.0), (falling, 0.0)):
        found = technical.mfi(close, close, close, volume)
        assert np.nanmin(found) >= 0.0
        assert np.nanmax(found) <= 100.0
        np.testing.assert_allclose(found[-1], last, atol=1e-11)
