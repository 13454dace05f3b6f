"""Against published values: 86 indicators on 502 bars in double precision.

`pytest -s` prints the table of worst differences, and why some indicators are not compared.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.indicators import technical

HLC = ("high", "low", "close")
#: golden indicator and field: ours, which of its results, parameters, first row compared: where
#: the two begin their averages otherwise, that is when the beginning is forgotten
SAME = {
    ("adl", "adl"): ("ad", 0, {}, 0),
    ("adx", "adx"): ("adx", 0, {}, 420),
    ("adx", "pdi"): ("plus_di", 0, {}, 300),
    ("adx", "mdi"): ("minus_di", 0, {}, 300),
    ("adx", "dx"): ("dx", 0, {}, 300),
    ("atr", "atr"): ("atr", 0, {}, 0),
    ("atr", "atrp"): ("natr", 0, {}, 0),
    ("atr", "tr"): ("trange", 0, {}, 0),
    ("awesome", "oscillator"): ("ao", 0, {}, 0),
    ("bb", "lowerBand"): ("bbands", 2, {"timeperiod": 20}, 0),
    ("bb", "sma"): ("bbands", 1, {"timeperiod": 20}, 0),
    ("bb", "upperBand"): ("bbands", 0, {"timeperiod": 20}, 0),
    ("cci", "cci"): ("cci", 0, {"timeperiod": 20}, 0),
    ("cmf", "cmf"): ("cmf", 0, {"timeperiod": 20}, 0),
    ("cmo", "cmo"): ("cmou", 0, {"timeperiod": 14}, 0),
    ("dema", "dema"): ("dema", 0, {"timeperiod": 14}, 250),
    ("elder-ray", "bullPower"): ("eri", 0, {"timeperiod": 13}, 0),
    ("elder-ray", "bearPower"): ("eri", 1, {"timeperiod": 13}, 0),
    ("ema", "ema"): ("ema", 0, {"timeperiod": 20}, 0),
    ("epma", "epma"): ("linearreg", 0, {"timeperiod": 10}, 0),
    ("force", "forceIndex"): ("efi", 0, {"timeperiod": 2}, 0),
    ("hma", "hma"): ("hma", 0, {"timeperiod": 14}, 0),
    ("kama", "er"): ("er", 0, {"timeperiod": 10}, 0),
    ("kama", "kama"): ("kama", 0, {"timeperiod": 10}, 200),
    ("macd", "macd"): ("macd", 0, {}, 200),
    ("macd", "signal"): ("macd", 1, {}, 300),
    ("macd", "histogram"): ("macd", 2, {}, 300),
    ("mfi", "mfi"): ("mfi", 0, {}, 0),
    ("pvo", "pvo"): ("pvo", 0, {}, 250),
    ("roc", "roc"): ("roc", 0, {"timeperiod": 14}, 0),
    ("roc", "momentum"): ("mom", 0, {"timeperiod": 14}, 0),
    ("rsi", "rsi"): ("rsi", 0, {}, 0),
    ("slope", "slope"): ("linearreg_slope", 0, {"timeperiod": 14}, 0),
    ("slope", "stdDev"): ("stddev", 0, {"timeperiod": 14}, 0),
    ("sma", "sma"): ("sma", 0, {"timeperiod": 20}, 0),
    ("smma", "smma"): ("rma", 0, {"timeperiod": 20}, 0),
    ("stdev", "stdDev"): ("stddev", 0, {"timeperiod": 14}, 0),
    ("stoch", "k"): ("stoch", 0, {"fastk_period": 14}, 0),
    ("stoch", "d"): ("stoch", 1, {"fastk_period": 14}, 0),
    ("tema", "tema"): ("tema", 0, {"timeperiod": 20}, 200),
    ("tr", "tr"): ("trange", 0, {}, 0),
    ("tsi", "tsi"): ("tsi", 0, {}, 0),
    ("uo", "ultimate"): ("ultosc", 0, {}, 0),
    ("vortex", "pvi"): ("vortex", 0, {}, 0),
    ("vortex", "nvi"): ("vortex", 1, {}, 0),
    ("vwap", "vwap"): ("vwap", 0, {}, 0),
    ("vwma", "vwma"): ("vwma", 0, {"timeperiod": 14}, 0),
    ("willr", "williamsR"): ("willr", 0, {}, 0),
    ("wma", "wma"): ("wma", 0, {"timeperiod": 14}, 0),
}

#: why an indicator of the set is not compared
OTHERWISE = {
    "of equal extremes another one counts": "aroon",
    "begins with 0, not with the first day's volume": "obv",
    "TA-Lib defines it otherwise": "bop chaikin-osc donchian dpo ichimoku keltner massi pmo smi "
    "stoch-rsi t3 trix",
    "needs a second series, which this set lacks": "beta corr prs",
    "not among our functions": "alligator alma atr-stop barpart chexit chop crsi doji dynamic fcb "
    "fisher fractal gator heikinashi htl hurst kvo ma-env mama marubozu pivot-points pivots psar "
    "renko renko-atr roc-wb rolling-pivots sma-analysis starc stc stdev-channels supertrend ulcer "
    "vol-stop zigzag zigzag-close",
}


@pytest.fixture(scope="module")
def golden(real_data):
    folder = real_data / "golden_indicators"
    bars = pd.read_csv(folder / "quotes_default.csv")
    expected = pd.read_parquet(folder / "expected_long.parquet")
    return bars, expected.set_index(["indicator", "field"]).sort_index()


def expected_of(table, key, rows):
    found = table.loc[[key]]
    values = np.full(rows, np.nan)
    values[found["row"].to_numpy()] = found["value"].to_numpy()
    return values


def ours_of(bars, name, which, parameters):
    one = getattr(technical, name)
    made = one(*[bars[f].to_numpy(dtype=float) for f in one.inputs], **parameters)
    return made[which] if isinstance(made, tuple) else made


def worst(key, golden):
    name, which, parameters, first = SAME[key]
    bars, table = golden
    expected = expected_of(table, key, len(bars))
    mine = ours_of(bars, name, which, parameters)
    both = ~(np.isnan(expected) | np.isnan(mine))
    both[:first] = False
    away = np.abs(mine - expected)[both] / (1.0 + np.abs(expected[both]))
    return int(both.sum()), float(away.max())


@pytest.mark.parametrize("key", SAME, ids=".".join)
def test_equals_the_published_values(key, golden):
    count, away = worst(key, golden)
    print(f"\n{'.'.join(key):24} {SAME[key][0]:16} {count:4} values, worst difference {away:.1e}")
    assert count > 80
    assert away < 1e-8


def test_every_indicator_of_the_set_is_compared_or_says_why_not(golden):
    compared = {key[0] for key in SAME}
    excused = {name: why for why, names in OTHERWISE.items() for name in names.split()}
    for name, why in excused.items():
        print(f"{name:16} {why}")
    known = set(golden[1].index.get_level_values(0))
    assert compared | (set(excused) & known) == known
    assert not compared & set(excused)
