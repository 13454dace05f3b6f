"""Technical indicators with TA-Lib's names (lower case), parameters and warm-up, on panels.

They never adjust: they compute on what they are given. The functions live in topic files named
after TA-Lib's groups; this is where they are all found.
"""

from tasks.indicators.lanes import Indicator
from tasks.indicators.momentum import adx, cci, kdj, macd, mfi, mom, roc, rsi, stoch, willr
from tasks.indicators.overlap import bbands, ema, sma, wma
from tasks.indicators.statistic import correl, max, min, stddev  # noqa: A004 -- TA-Lib's names
from tasks.indicators.volatility import atr
from tasks.indicators.volume import obv

__all__ = [
    "Indicator",
    "adx",
    "atr",
    "bbands",
    "cci",
    "correl",
    "ema",
    "kdj",
    "macd",
    "max",
    "mfi",
    "min",
    "mom",
    "obv",
    "roc",
    "rsi",
    "sma",
    "stddev",
    "stoch",
    "willr",
    "wma",
]
