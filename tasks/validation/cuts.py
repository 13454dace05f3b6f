"""Where a night's check cuts the history, and which stocks it looks at: chosen from the rows.

A leak of one day shows on the day before something happens. So the cuts lie where a price goes ex,
a suspension begins or a stock is listed, and the stocks to which that happens are in the sample;
evenly spread cuts and stocks fill up the rest. A few early ones are for scales and thresholds that
the first days take from later ones. The same rows give the same choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tasks.validation.leaks import EARLY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.bars import Bars

    Index = NDArray[np.int64]
    Flags = NDArray[np.bool_]

#: stocks in the sample: a leak is in a formula, so some stocks show it
STOCKS = 40
#: newest sessions that are replayed
SESSIONS = 500
#: first hidden days besides the early ones; at least twenty wherever there are as many days
CUTS = 22
#: cuts for each kind of event
EACH = 5
#: share of the sessions before the first of these cuts: windows must have filled by then
WARM_UP = 0.4
#: a move of an unadjusted price beyond this is an ex-date, or as good as one
JUMP = 0.205
#: what a missing date becomes as an integer
_NO_DAY = np.iinfo(np.int64).min


@dataclasses.dataclass(frozen=True)
class Cut:
    """One first hidden day.

    Attributes:
        day: everything from this day on is changed or removed.
        why: what begins on it, such as `ex-date of 600001.SH`, or `evenly spread`.
    """

    day: np.datetime64
    why: str


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows of some stocks and all benchmarks over the newest sessions, and where to cut.

    Attributes:
        bars: the rows.
        cuts: where the future is poisoned or cut off, ascending.
        early: where it is only poisoned, before the first of the others.
    """

    bars: Bars
    cuts: tuple[Cut, ...]
    early: tuple[Cut, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Rows of all stocks over the newest sessions, in order of symbol and day, (R,).

    Attributes:
        names: symbols by code.
        code, day: of each row; days since 1970.
        events: what begins on a row's day, by name.
        sessions: the newest sessions, ascending.
    """

    names: NDArray[np.object_]
    code: Index
    day: Index
    events: dict[str, Flags]
    sessions: Index


def sample(bars: Bars) -> Sample:
    """Choose cuts and stocks.

    Args:
        bars: as a source gives them, in any order, faults and all.
    """
    rows = _rows(bars)
    warm = max(1, int(WARM_UP * len(rows.sessions)))
    allowed = rows.sessions[warm:]
    cuts: dict[int, str] = {}
    chosen: list[int] = []
    for kind, flags in rows.events.items():
        found = np.flatnonzero(flags & np.isin(rows.day, allowed))
        for row in _spread(found[np.argsort(rows.day[found], kind="stable")], EACH):
            cuts.setdefault(int(rows.day[row]), f"{kind} of {rows.names[rows.code[row]]}")
            chosen.append(int(rows.code[row]))
    rest = allowed[~np.isin(allowed, list(cuts))]
    for day in _spread(rest, CUTS - len(cuts)):
        cuts[int(day)] = "evenly spread"
    known = np.unique(rows.code)
    others = known[~np.isin(known, chosen)]
    stocks = [*dict.fromkeys(chosen), *_spread(others, STOCKS - len(set(chosen)))]
    names = {str(rows.names[code]) for code in stocks}
    return Sample(
        _part(bars, names | set(bars.benchmarks), rows.sessions),
        tuple(Cut(np.datetime64(day, "D"), cuts[day]) for day in sorted(cuts)),
        tuple(_early(rows.sessions[:warm])),
    )


def _early(sessions: Index) -> Iterator[Cut]:
    for row in EARLY:
        if row < len(sessions):
            yield Cut(np.datetime64(int(sessions[row]), "D"), f"session {row + 1}")


def _rows(bars: Bars) -> _Rows:
    import pandas as pd

    frame, day = bars.frame, _days(bars.frame)
    symbols = frame["symbol"].astype("category").cat
    by_name = np.argsort(symbols.categories.to_numpy().astype(str))
    names = symbols.categories.to_numpy(dtype=object)[by_name]
    code = np.argsort(by_name)[symbols.codes.to_numpy()]
    stock = ~np.isin(names.astype(str), bars.benchmarks)[code] & (day != _NO_DAY)
    code, day = code[stock], day[stock]
    listed = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(listed, code, day)
    sessions = np.sort(np.asarray(pd.unique(day)))[-SESSIONS:]
    newest = np.flatnonzero(np.isin(day, sessions))
    order = newest[np.lexsort((day[newest], code[newest]))]
    first = day.min(initial=0)
    code, day = code[order], day[order]
    taken = np.flatnonzero(stock)[order]
    again = np.concatenate([[False], code[1:] == code[:-1]])[: len(code)]
    events = {
        "ex-date": again & _ex(frame, taken),
        "suspension": again & _suspensions(frame, taken),
        "listing": (day == listed[code]) & (day > first),
    }
    return _Rows(names, code, day, events, sessions)


def _ex(frame: pd.DataFrame, order: Index) -> Flags:
    """Whether the factor differs from the row before, or without factors the close jumps."""
    name = "factor" if "factor" in frame else "close"
    values = frame[name].to_numpy()[order].astype(np.float64)
    out = np.zeros(len(values), dtype=bool)
    with np.errstate(all="ignore"):
        change = np.abs(values[1:] / values[:-1] - 1.0)
    out[1:] = change > (0.0 if name == "factor" else JUMP)
    return out


def _suspensions(frame: pd.DataFrame, order: Index) -> Flags:
    """Rows without any volume after one with some."""
    volume = frame["volume"].to_numpy()[order]
    idle: Flags = np.isnan(volume) | (volume == 0)
    idle[1:] &= ~idle[:-1].copy()
    return idle


def _spread(values: Index, count: int) -> Index:
    """At most `count` of the values, evenly spread."""
    if count <= 0 or not len(values):
        return values[:0]
    places = np.linspace(0, len(values) - 1, min(count, len(values)))
    return values[np.unique(np.round(places).astype(np.int64))]


def _part(bars: Bars, names: set[str], sessions: Index) -> Bars:
    inside = (_days(bars.frame) >= sessions[0]) if len(sessions) else slice(None)
    frame = bars.frame[inside]
    frame = frame[frame["symbol"].isin(names)].reset_index(drop=True)
    kept = frame["symbol"].astype("category").cat.remove_unused_categories()
    frame["symbol"] = kept
    return dataclasses.replace(bars, frame=frame)


def _days(frame: pd.DataFrame) -> Index:
    return frame["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
