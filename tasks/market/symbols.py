"""Symbols: from the spellings of many vendors to `600519.SH`, and which board a code belongs to.

A symbol is untrusted text: it becomes a column name, a part of a report and sometimes of a file
name. Only the spellings listed here pass; everything else is refused with one sentence.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Literal

from tasks.errors import UserError

Board = Literal["main", "chinext", "star", "bse", "b_share", "index", "fund", "bond", "other"]

#: How to read symbols. `auto`: any known spelling, and tickers of other markets as they are;
#: `stock`: the same, and a bare code such as `000001` is the stock, not the index;
#: `as_is`: letters, digits, dot, dash and underscore are kept unchanged.
SymbolFormat = Literal["auto", "stock", "as_is"]

#: Every suffix or prefix that vendors use for the three mainland exchanges.
_EXCHANGES = {
    "SH": "SH", "SS": "SH", "XSHG": "SH", "SSE": "SH",
    "SZ": "SZ", "XSHE": "SZ", "SZSE": "SZ",
    "BJ": "BJ", "XBSE": "BJ", "BSE": "BJ",
}  # fmt: skip
_NAMES = "|".join(_EXCHANGES)
_SUFFIXED = re.compile(rf"(?P<code>[0-9]{{6}})\.(?P<exchange>{_NAMES})", re.IGNORECASE)
_PREFIXED = re.compile(rf"(?P<exchange>{_NAMES})[._]?(?P<code>[0-9]{{6}})", re.IGNORECASE)
_BARE = re.compile(r"[0-9]{6}")
_OTHER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]|\.(?!\.)){0,14}[A-Za-z0-9]|[A-Za-z0-9]")

#: Code prefixes of each exchange, longest match first, with their board.
_BOARDS: dict[str, tuple[tuple[str, Board], ...]] = {
    "SH": (
        ("000", "index"), ("688", "star"), ("689", "star"), ("900", "b_share"),
        ("60", "main"), ("5", "fund"), ("0", "bond"), ("1", "bond"), ("2", "bond"),
    ),
    "SZ": (
        ("399", "index"), ("980", "index"), ("300", "chinext"), ("301", "chinext"),
        ("302", "chinext"), ("20", "b_share"), ("00", "main"), ("15", "fund"), ("16", "fund"),
        ("18", "fund"), ("1", "bond"),
    ),
    "BJ": (
        ("899", "index"), ("43", "bse"), ("83", "bse"), ("87", "bse"), ("88", "bse"), ("92", "bse"),
    ),
}  # fmt: skip

#: Where a bare code can only mean one thing. `000xxx` is missing on purpose: it is a Shenzhen stock
#: or a Shanghai index (`000001`: Ping An Bank or the SSE Composite).
_UNAMBIGUOUS = (
    ("60", "SH"), ("68", "SH"), ("900", "SH"), ("51", "SH"), ("56", "SH"), ("58", "SH"),
    ("001", "SZ"), ("002", "SZ"), ("003", "SZ"), ("004", "SZ"), ("30", "SZ"), ("200", "SZ"),
    ("399", "SZ"), ("159", "SZ"), ("43", "BJ"), ("83", "BJ"), ("87", "BJ"), ("88", "BJ"),
    ("92", "BJ"), ("899", "BJ"),
)  # fmt: skip


@functools.lru_cache(maxsize=65536)
def normalise(symbol: str, symbol_format: SymbolFormat = "auto") -> str:
    """One symbol in the project's spelling, such as `600519.SH`.

    Args:
        symbol: `sh.600519`, `sh600519`, `SH600519`, `600519.SH`, `600519.XSHG`, `600519.SS`, a bare
            `600519`, or a ticker of another market such as `AAPL` or `BRK-B`.
        symbol_format: see `SymbolFormat`.

    Raises:
        UserError: an unknown spelling, or a bare code that may be a stock or an index.
    """
    text = symbol.strip()
    if symbol_format != "as_is":
        match = _SUFFIXED.fullmatch(text) or _PREFIXED.fullmatch(text)
        if match:
            return f"{match['code']}.{_EXCHANGES[match['exchange'].upper()]}"
        if _BARE.fullmatch(text):
            return _from_bare(text, symbol_format)
    if not _OTHER.fullmatch(text):
        raise UserError(
            f"symbol {symbol[:40]!r} has an unknown spelling: write it as 600519.SH, sh.600519, "
            "600519.XSHG or a ticker of letters, digits, dot and dash"
        )
    return text if symbol_format == "as_is" else text.upper()


def normalise_all(symbols: Iterable[str], symbol_format: SymbolFormat = "auto") -> list[str]:
    """`normalise` for each symbol, in order."""
    return [normalise(s, symbol_format) for s in symbols]


def exchange(symbol: str) -> str:
    """`SH`, `SZ` or `BJ`; empty for a symbol of another market."""
    match = _SUFFIXED.fullmatch(normalise(symbol))
    return match["exchange"] if match else ""


def is_mainland(symbol: str) -> bool:
    """Whether a symbol belongs to Shanghai, Shenzhen or Beijing."""
    return exchange(symbol) != ""


def board(symbol: str) -> Board:
    """Which board a symbol belongs to, by its code; `other` for foreign or unknown codes.

    The codes' ranges do not change with time. The former SME board (002) is `main`, with which it
    was merged in 2021; its limits and lots were the main board's before too.
    """
    canonical = normalise(symbol)
    match = _SUFFIXED.fullmatch(canonical)
    if match is None:
        return "other"
    for prefix, name in _BOARDS[match["exchange"]]:
        if match["code"].startswith(prefix):
            return name
    return "other"


def is_index(symbol: str) -> bool:
    """Whether a symbol is an index: `000xxx.SH`, `399xxx.SZ`, `980xxx.SZ`, `899xxx.BJ`.

    `sh.000001` is the SSE Composite index while `000001.SZ` is a stock.
    """
    return board(symbol) == "index"


def _from_bare(code: str, symbol_format: SymbolFormat) -> str:
    for prefix, name in _UNAMBIGUOUS:
        if code.startswith(prefix):
            return f"{code}.{name}"
    if code.startswith("000"):
        if symbol_format == "stock":
            return f"{code}.SZ"
        raise UserError(
            f"symbol {code!r} may be the stock {code}.SZ or the index {code}.SH: write the "
            "exchange, or set symbol_format to 'stock' where every bare code is a stock"
        )
    raise UserError(
        f"symbol {code!r} names no exchange and its code belongs to none that is known: "
        "write it with the exchange, such as 600519.SH"
    )
