"""Which column of a file is what: names of several vendors, dates and numbers in any spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.spelling import MISSING, SPELLINGS, moment
from tasks.errors import UserError
from tasks.market.symbols import SymbolFormat, normalise

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

REQUIRED = ("date", "open", "high", "low", "close", "volume")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def recognise(have: Sequence[str], given: Mapping[str, str], where: str) -> dict[str, str]:
    """Our name -> the file's column.

    Args:
        have: the file's columns.
        given: the setting `columns`, which wins over recognition.
        where: the file's name, for messages.

    Raises:
        UserError: a given column is absent, a needed one is not found, or two columns fit.
    """
    found: dict[str, str] = {}
    for name, column in given.items():
        if not _NAME.fullmatch(name):
            raise UserError(
                f"setting columns names a field {name[:40]!r}: use lower-case letters, digits and _"
            )
        if column not in have:
            raise UserError(
                f"{where} has no column {column!r} for {name}; it has {_listed(have)}: correct "
                "the setting columns"
            )
        found[name] = column
    taken = {column for name, column in found.items() if name in SPELLINGS}
    free = [c for c in have if c not in taken]
    for name, spellings in SPELLINGS.items():
        if name not in found:
            column = _fitting(free, name, spellings, where)
            if column:
                found[name] = column
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise UserError(
            f"{where} has no column for {', '.join(missing)}; it has {_listed(have)}: name it in "
            f"the setting columns, such as {missing[0]} = 'its name'"
        )
    return found


def dates(values: pd.Series[Any], where: str) -> NDArray[np.datetime64]:
    """Days as `datetime64[us]`; missing ones become NaT.

    Raises:
        UserError: a value is no date, or the times of day differ (bars within the day).
    """
    import pandas as pd

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_localize(None)
    codes, unique = pd.factorize(values, use_na_sentinel=True)
    stamps = [_date(v, where) for v in unique]
    if len({str(s)[10:] for s in stamps if not np.isnat(s)}) > 1:
        raise UserError(
            f"{where} has bars at several times of one day: give daily bars, one row per symbol "
            "and session"
        )
    days = np.array([*stamps, np.datetime64("NaT")], dtype="datetime64[m]")
    return days.astype("datetime64[D]").astype("datetime64[us]")[codes]


def symbols(values: pd.Series[Any], symbol_format: SymbolFormat, where: str) -> pd.Categorical:
    """Symbols in the project's spelling, in any order of categories."""
    import pandas as pd

    codes, unique = pd.factorize(values, use_na_sentinel=True)
    if (codes < 0).any():
        raise UserError(
            f"{where} has {int((codes < 0).sum())} rows without a symbol: fill or remove them"
        )
    texts = [f"{v:06d}" if isinstance(v, (int, np.integer)) else str(v) for v in unique]
    names = [normalise(text, symbol_format) for text in texts]
    merged, categories = pd.factorize(np.array(names, dtype=object), sort=True)
    return pd.Categorical.from_codes(merged[codes], categories=pd.Index(categories))


def numbers(values: pd.Series[Any], where: str) -> NDArray[np.float64]:
    """Numbers as float64; texts such as `-` or nothing become NaN, thousands commas go.

    Raises:
        UserError: a text is no number.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    text = values.astype(str).str.strip().str.replace(",", "")
    text = text.mask(text.str.lower().isin(MISSING))
    out = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(out) & text.notna().to_numpy())
    if len(wrong):
        raise UserError(
            f"{where}, column {values.name!r}, row {int(wrong[0]) + 1}: "
            f"{str(values.iloc[wrong[0]])[:40]!r} is no number: correct the file or the setting "
            "columns"
        )
    return out


def _fitting(have: Sequence[str], name: str, spellings: tuple[str, ...], where: str) -> str:
    """The column with our own name, else the only one with a known spelling, else nothing."""
    own = [c for c in have if c.strip().lower() == name]
    fits = own or [c for c in have if c.strip().lower() in spellings]
    if len(fits) > 1:
        raise UserError(
            f"{where} has several columns for {name} ({', '.join(fits)}): choose one in the "
            f"setting columns, such as {name} = {fits[0]!r}"
        )
    return fits[0] if fits else ""


def _listed(names: Sequence[str]) -> str:
    """Columns of a file for a message; what is no table may have any number of any length."""
    shown = [name[:40] if name.isprintable() else repr(name[:20]) for name in names[:20]]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(shown) + more


def _date(value: Any, where: str) -> np.datetime64:
    try:
        minute: np.datetime64 = moment(value).astype("datetime64[m]")
    except ValueError:
        text = str(value).strip()[:40]
        raise UserError(
            f"{where}: {text!r} is no date: write dates as 2026-11-20 or 20261120, or name the "
            "right column in the setting columns"
        ) from None
    return minute
