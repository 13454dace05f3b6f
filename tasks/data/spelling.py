"""Names of columns and ways to write a day, as vendors spell them: one table for all readers.

Files (`tasks.data.sources.columns`) and frames in notebooks (`tasks.indicators.rowkeys`) know the
same names, so that what a file calls a symbol is one in a frame too.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import numpy as np

#: Our name -> spellings in lower case: English, Tushare, BaoStock, AkShare (Chinese), RiceQuant,
#: JoinQuant, Uqer, Wind, CSMAR, Qlib.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "symbol": ("ts_code", "code", "ticker", "instrument", "stock_code", "order_book_id",
               "股票代码", "证券代码", "代码", "secid", "sec_id", "sec_code", "security_code",
               "security_id", "wind_code", "windcode", "stkcd"),
    "date": ("trade_date", "tradedate", "trading_date", "datetime", "day", "日期", "交易日期",
             "trade_dt", "trddt"),
    "open": ("open_price", "开盘", "开盘价"),
    "high": ("high_price", "最高", "最高价"),
    "low": ("low_price", "最低", "最低价"),
    "close": ("close_price", "收盘", "收盘价"),
    "volume": ("vol", "成交量"),
    "amount": ("money", "成交额", "成交金额"),
    "factor": ("adj_factor", "adjfactor", "复权因子"),
    "preclose": ("pre_close", "prev_close", "前收盘", "前收盘价", "昨收"),
    "vwap": ("均价",),
    "is_st": ("isst",),
    "industry": (), "cash_dividend": (), "bonus_shares": (),
}  # fmt: skip

#: names of a frame's symbols and dates, the likelier first
SYMBOL_NAMES = ("symbol", *SPELLINGS["symbol"])
DATE_NAMES = ("date", *(name for name in SPELLINGS["date"] if name != "day"))
#: these may as well be a time of day or a number of days: dates only where nothing else is
WEAK_DATE_NAMES = ("day", "time", "timestamp", "时间")

#: texts that stand for nothing
MISSING = ("", "-", "--", "nan", "none", "null", "nat", "<na>")

_DAY = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(.*))?")
_CHINESE = str.maketrans({"年": "-", "月": "-", "日": ""})
_SECONDS = re.compile(r"(?::(\d{2})(?:\.(\d{1,9}))?)? ?(?:Z|[+-]\d{2}:?\d{2})?")


def moment(value: Any) -> np.datetime64:
    """A date or time in any spelling as `datetime64[us]`; NaT where there is none.

    A clock is that of its own time zone. Whole numbers and texts of eight digits are yyyymmdd; a
    period counts from its first day.

    Raises:
        ValueError: it is no date.
    """
    if isinstance(value, np.datetime64):
        stamp: np.datetime64 = value.astype("datetime64[us]")
        return stamp
    text = str(value).strip()
    if text.lower() in MISSING:
        return np.datetime64("NaT", "us")
    if hasattr(value, "to_timestamp"):
        value = value.to_timestamp()
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.replace(tzinfo=None)
    if hasattr(value, "isoformat"):
        return np.datetime64(value, "us")
    if isinstance(value, (float, np.floating)):
        text = text.removesuffix(".0")
    return _read(text)


def _read(text: str) -> np.datetime64:
    match = _DAY.fullmatch(text.translate(_CHINESE))
    if match is None or not (match[2] or len(match[1] + match[3] + match[4]) == 8):
        raise ValueError(f"{text} is no date")
    year, _, month, day, hour, minute, rest = match.groups()
    date = np.datetime64(f"{year}-{int(month):02d}-{int(day):02d}", "us")
    return date + _clock(hour, minute, rest) if hour else date


def _clock(hour: str, minute: str, rest: str) -> np.timedelta64:
    found = _SECONDS.fullmatch(rest)
    if found is None or int(hour) > 24 or int(minute) > 59:
        raise ValueError(f"{hour}:{minute}{rest} is no time of day")
    seconds, fraction = found[1] or "0", (found[2] or "").ljust(6, "0")[:6]
    whole = (int(hour) * 60 + int(minute)) * 60 + int(seconds)
    return np.timedelta64(whole * 1_000_000 + int(fraction), "us")
