"""The A-share rule book as dated rows: what was in force, from when to when, and who says so.

A rule that changes gets a new row; no row is ever edited into another meaning.
"""

from __future__ import annotations

import functools

from tasks.market.rule import Rule
from tasks.market.symbols import board, exchange

NAME, TITLE, CURRENCY = "a_share", "A shares of Shanghai, Shenzhen and Beijing", "CNY"


@functools.lru_cache(maxsize=65536)
def place(symbol: str) -> tuple[str, str]:
    """Board and exchange of a symbol; its board has no rules where it is no A share."""
    return board(symbol), exchange(symbol)


_ALL = ("main", "chinext", "star", "bse")
_SSE_SZSE = ("main", "chinext", "star")

_LIMIT_1996 = "SSE and SZSE notice of 1996-12-13 on price limits"
_ST_1998 = "SSE and SZSE rules on special treatment, 1998-04-22"
_ST_2026 = "SSE notice c_20260424_10816474 and SZSE notice t20260424_620190"
_CHINEXT_2020 = "SZSE ChiNext trading special provisions, in force with the reform of 2020-08-24"
_STAR_2019 = "SSE STAR Market trading special provisions, in force with the opening of 2019-07-22"
_BSE_2021 = "BSE trading rules (trial), in force with the opening of 2021-11-15"
_REG_2023 = "SSE and SZSE trading rules of 2023-02-17, in force from 2023-04-10"
_FIRST_SH = "SSE notice of 2013-12-13 on trading in the first days of a new listing"
_FIRST_SZ = "SZSE notice of 2014-06-13 on trading on the first day of a new listing"
_DELIST = "SSE and SZSE delisting rules of 2020-12-31"
_RELIST = "SSE and SZSE trading rules of 2006-07-01, 3.4.13"
_LOTS = "SSE and SZSE trading rules, section on orders"
_STAMP_1990 = "approximation: until October 1991 Shenzhen levied 0.6 % and Shanghai nothing"
_STAMP_1991 = "Shanghai and Shenzhen tax bureaus, October 1991; State Taxation notice of 1992-06-12"
_STAMP_1997 = "State Council decision of 1997-05-09 on stamp duty, in force from 1997-05-12"

ROWS: tuple[Rule, ...] = (
    Rule("price_limit", ("main",), "", "normal", "1996-12-16", "", 0.10, _LIMIT_1996),
    Rule("price_limit", ("main",), "", "st", "1998-04-22", "2026-07-05", 0.05, _ST_1998),
    Rule("price_limit", ("main",), "", "st", "2026-07-06", "", 0.10, _ST_2026),
    Rule("price_limit", ("main",), "", "delisting", "2020-12-31", "", 0.10, _DELIST),
    Rule("price_limit", ("chinext",), "", "normal", "2009-10-30", "2020-08-23", 0.10, _LIMIT_1996),
    Rule("price_limit", ("chinext",), "", "st", "2009-10-30", "2020-08-23", 0.05, _ST_1998),
    Rule("price_limit", ("chinext",), "", "normal", "2020-08-24", "", 0.20, _CHINEXT_2020),
    Rule("price_limit", ("chinext",), "", "st", "2020-08-24", "", 0.20, _CHINEXT_2020),
    Rule("price_limit", ("chinext", "star"), "", "delisting", "2020-12-31", "", 0.20, _DELIST),
    Rule("price_limit", ("star",), "", "normal", "2019-07-22", "", 0.20, _STAR_2019),
    Rule("price_limit", ("star",), "", "st", "2019-07-22", "", 0.20, _STAR_2019),
    Rule("price_limit", ("bse",), "", "normal", "2021-11-15", "", 0.30, _BSE_2021),
    Rule("price_limit", ("bse",), "", "st", "2021-11-15", "", 0.30, _BSE_2021),
    Rule("price_limit", ("bse",), "", "delisting", "2021-11-15", "", 0.30, _BSE_2021),
    Rule("free_sessions", ("main",), "", "normal", "1990-12-19", "2023-04-09", 1, _LIMIT_1996),
    Rule("free_sessions", ("main",), "", "normal", "2023-04-10", "", 5, _REG_2023),
    Rule("free_sessions", ("chinext",), "", "normal", "2009-10-30", "2020-08-23", 1, _LIMIT_1996),
    Rule("free_sessions", ("chinext",), "", "normal", "2020-08-24", "", 5, _CHINEXT_2020),
    Rule("free_sessions", ("star",), "", "normal", "2019-07-22", "", 5, _STAR_2019),
    Rule("free_sessions", ("bse",), "", "normal", "2021-11-15", "", 1, _BSE_2021),
    Rule("free_sessions", _SSE_SZSE, "", "delisting", "2020-12-31", "", 1, _DELIST),
    Rule("free_sessions", ("bse",), "", "delisting", "2021-11-15", "", 1, _BSE_2021),
    Rule("free_sessions", _SSE_SZSE, "", "relisting", "2006-07-01", "", 1, _RELIST),
    Rule("first_day_up", ("main",), "SH", "normal", "2013-12-13", "2023-04-09", 0.44, _FIRST_SH),
    Rule("first_day_down", ("main",), "SH", "normal", "2013-12-13", "2023-04-09", 0.36, _FIRST_SH),
    Rule("first_day_up", ("main",), "SZ", "normal", "2014-06-13", "2023-04-09", 0.44, _FIRST_SZ),
    Rule("first_day_down", ("main",), "SZ", "normal", "2014-06-13", "2023-04-09", 0.36, _FIRST_SZ),
    Rule("first_day_up", ("chinext",), "SZ", "normal", "2014-06-13", "2020-08-23", 0.44, _FIRST_SZ),
    Rule(
        "first_day_down", ("chinext",), "SZ", "normal", "2014-06-13", "2020-08-23", 0.36, _FIRST_SZ
    ),
    Rule("tick", _ALL, "", "normal", "1990-12-19", "", 0.01, _LOTS),
    Rule("lot_minimum", ("main", "chinext"), "", "normal", "1990-12-19", "", 100, _LOTS),
    Rule("lot_step", ("main", "chinext"), "", "normal", "1990-12-19", "", 100, _LOTS),
    Rule("lot_minimum", ("star",), "", "normal", "2019-07-22", "", 200, _STAR_2019),
    Rule("lot_step", ("star",), "", "normal", "2019-07-22", "", 1, _STAR_2019),
    Rule("lot_minimum", ("bse",), "", "normal", "2021-11-15", "", 100, _BSE_2021),
    Rule("lot_step", ("bse",), "", "normal", "2021-11-15", "", 1, _BSE_2021),
    Rule(
        "settlement_days", _ALL, "", "normal", "1995-01-01", "", 1,
        "SSE and SZSE notices on T+1 trading of A shares, in force from 1995-01-01",
    ),
    Rule("stamp_duty_buy", _ALL, "", "normal", "1990-12-19", "1991-10-09", 0.003, _STAMP_1990),
    Rule("stamp_duty_buy", _ALL, "", "normal", "1991-10-10", "1997-05-11", 0.003, _STAMP_1991),
    Rule("stamp_duty_buy", _ALL, "", "normal", "1997-05-12", "1998-06-11", 0.005, _STAMP_1997),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "1998-06-12", "2001-11-15", 0.004,
        "State Taxation Administration notice, in force from 1998-06-12",
    ),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "2001-11-16", "2005-01-23", 0.002,
        "Ministry of Finance, Caishui [2001] 173",
    ),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "2005-01-24", "2007-05-29", 0.001,
        "Ministry of Finance, Caishui [2005] 11",
    ),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "2007-05-30", "2008-04-23", 0.003,
        "Ministry of Finance, Caishui [2007] 84",
    ),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "2008-04-24", "2008-09-18", 0.001,
        "Ministry of Finance, announcement of 2008-04-23",
    ),
    Rule(
        "stamp_duty_buy", _ALL, "", "normal", "2008-09-19", "", 0.0,
        "Ministry of Finance, announcement of 2008-09-18: sellers only",
    ),
    Rule("stamp_duty_sell", _ALL, "", "normal", "1990-12-19", "1991-10-09", 0.003, _STAMP_1990),
    Rule("stamp_duty_sell", _ALL, "", "normal", "1991-10-10", "1997-05-11", 0.003, _STAMP_1991),
    Rule("stamp_duty_sell", _ALL, "", "normal", "1997-05-12", "1998-06-11", 0.005, _STAMP_1997),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "1998-06-12", "2001-11-15", 0.004,
        "State Taxation Administration notice, in force from 1998-06-12",
    ),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "2001-11-16", "2005-01-23", 0.002,
        "Ministry of Finance, Caishui [2001] 173",
    ),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "2005-01-24", "2007-05-29", 0.001,
        "Ministry of Finance, Caishui [2005] 11",
    ),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "2007-05-30", "2008-04-23", 0.003,
        "Ministry of Finance, Caishui [2007] 84",
    ),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "2008-04-24", "2023-08-27", 0.001,
        "Ministry of Finance, announcement of 2008-04-23",
    ),
    Rule(
        "stamp_duty_sell", _ALL, "", "normal", "2023-08-28", "", 0.0005,
        "Ministry of Finance and State Taxation Administration, announcement 2023 No. 39",
    ),
    Rule(
        "transfer_fee", _ALL, "", "normal", "1990-12-19", "2015-07-31", 0.00002,
        "approximation: until 2015 the fee was charged on face value, in Shanghai only",
    ),
    Rule(
        "transfer_fee", _ALL, "", "normal", "2015-08-01", "2022-04-28", 0.00002,
        "ChinaClear notice on transfer fees, in force from 2015-08-01",
    ),
    Rule(
        "transfer_fee", _ALL, "", "normal", "2022-04-29", "", 0.00001,
        "ChinaClear notice of 2022-04-28 on transfer fees",
    ),
    Rule(
        "commission_cap", _ALL, "", "normal", "2002-05-01", "", 0.003,
        "CSRC, State Planning Commission and Tax Administration, Zhengjian [2002] 21",
    ),
    Rule(
        "commission_minimum", _ALL, "", "normal", "2002-05-01", "", 5.0,
        "CSRC, State Planning Commission and Tax Administration, Zhengjian [2002] 21",
    ),
)  # fmt: skip
