"""Between long frames and the panel's grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

#: an absent row means that nothing was traded: these are zero then, everything else is unknown
ZERO_WHEN_ABSENT = ("volume", "amount")


def pivot(
    frame: Any, calendar: NDArray[np.datetime64] | None = None
) -> tuple[NDArray[np.datetime64], tuple[str, ...], dict[str, NDArray[np.float64]]]:
    """Dates, symbols and (T, N) fields of a long frame with columns `symbol` and `date`."""
    native = nw.from_native(frame, eager_only=True)
    missing = [c for c in ("symbol", "date") if c not in native.columns]
    if missing:
        raise UserError(
            f"the frame has no column {' and '.join(map(repr, missing))}; it has "
            f"{', '.join(native.columns)}: rename, or map the columns in the source's settings"
        )
    symbol_names, column = _columns(native["symbol"].to_numpy())
    days = native["date"].cast(nw.Datetime("us")).to_numpy().astype("datetime64[D]")
    dates, row = _rows(days, calendar)
    flat = row * len(symbol_names) + column
    filled = np.zeros(len(dates) * len(symbol_names), dtype=bool)
    filled[flat] = True
    if int(filled.sum()) != len(flat):
        raise UserError("the frame has several rows for one symbol and date: run the gate first")
    fields = {}
    for name in native.columns:
        if name in ("symbol", "date"):
            continue
        grid = np.full(len(dates) * len(symbol_names), 0.0 if name in ZERO_WHEN_ABSENT else np.nan)
        grid[flat] = native[name].cast(nw.Float64()).to_numpy()
        fields[name] = grid.reshape(len(dates), len(symbol_names))
    return dates, symbol_names, fields


def _columns(values: NDArray[np.object_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Symbols in ascending order and each row's position among them.

    Hashing the distinct texts is many times faster than sorting one per row.
    """
    import pandas as pd

    codes, unique = pd.factorize(np.asarray(values, dtype=object))
    if (codes < 0).any():
        raise UserError(
            f"the frame has {int((codes < 0).sum())} rows without a symbol: fill or remove them"
        )
    names, place = np.unique([str(v) for v in unique], return_inverse=True)
    return tuple(str(n) for n in names), place[codes]


def _rows(
    days: NDArray[np.datetime64], calendar: NDArray[np.datetime64] | None
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Dates in ascending order, or the given ones, and each row's position among them."""
    if np.isnat(days).any():
        raise UserError(
            f"the frame has {int(np.isnat(days).sum())} rows without a date: run the gate first"
        )
    import pandas as pd

    codes, present = pd.factorize(days.astype(np.int64))
    found = np.asarray(present).astype("datetime64[D]")
    dates = np.sort(found) if calendar is None else calendar.astype("datetime64[D]")
    place = np.searchsorted(dates, found)
    known = place < len(dates)
    known[known] &= dates[place[known]] == found[known]
    if not known.all():
        stray = ~known[codes]
        raise UserError(
            f"{int(stray.sum())} rows are on days that are no exchange sessions, first "
            f"{days[stray][0]}: remove them or give the right calendar"
        )
    return dates, place[codes].astype(np.int64)


def melt(panel: Panel) -> pd.DataFrame:
    """Long frame sorted by symbol and date; cells without a price outside the listing drop."""
    import pandas as pd

    t, n = panel.shape
    data: dict[str, Any] = {
        "symbol": np.repeat(np.array(panel.symbols, dtype=object), t),
        "date": np.tile(panel.dates.astype("datetime64[us]"), n),
    }
    for name, array in panel.fields.items():
        data[name] = array.T.reshape(-1)
    frame = pd.DataFrame(data)
    unknown = [c for c in frame.columns if c not in ("symbol", "date", *ZERO_WHEN_ABSENT)]
    return frame[frame[unknown].notna().any(axis=1)].reset_index(drop=True)
