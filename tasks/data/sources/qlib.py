"""Source `qlib`: an existing Qlib directory, read directly, adjusted by its maker and kept so.

`calendars/day.txt` has one date per line; `features/<symbol>/<field>.day.bin` is little-endian
float32: first the position of the first value in the calendar, then the values, NaN where the
stock was suspended. Folder names may be in any case. Volume is the directory's own, usually shares
divided by the factor; amounts and factors are kept where they exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.bars import Bars
from tasks.data.config import DataConfig
from tasks.data.panel import PRICE_FIELDS
from tasks.data.sources import tables
from tasks.data.sources.selection import selected
from tasks.errors import UserError
from tasks.market.symbols import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Days = NDArray[np.datetime64]
    Array = NDArray[np.float64]

_FIELDS = (*PRICE_FIELDS, "volume", "amount", "vwap", "factor")
_NEEDED = (*PRICE_FIELDS, "volume")


def load(path: str | Path, *, end: str = "9999-12-31", **settings: Any) -> Panel:
    """A Qlib directory as a panel, through the quality gate.

    Args:
        path: the directory with `calendars` and `features`.
        end: last day, ISO date.
        settings: further fields of `DataConfig`, such as `symbols` or `start`.
    """
    from tasks.data.gate import gated_panel

    config = DataConfig(source="qlib", path=str(path), **settings)
    return gated_panel(read(config, end), config)


def stored(path: str | Path) -> Panel:
    """A Qlib directory's numbers exactly as its files hold them: what Qlib itself computes on.

    Every field that some symbol has, float32 widened to float64, NaN where there is no number, in
    volumes too. Nothing is checked but the files' form: `load` is for data whose quality matters.
    """
    from tasks.data.panel import Panel

    root = _root(DataConfig(source="qlib", path=str(path)))
    calendar = _calendar(root)
    folders = sorted(p for p in (root / "features").iterdir() if p.is_dir())
    grids: dict[str, Any] = {}
    for row, folder in enumerate(folders):
        for file in folder.glob("*.day.bin"):
            name = file.name.removesuffix(".day.bin")
            if name not in grids:
                grids[name] = np.full((len(folders), len(calendar)), np.nan, dtype=np.float32)
            start, values = _bin(file, calendar)
            grids[name][row, start : start + len(values)] = values
    symbols = tuple(normalise(p.name, "auto") for p in folders)
    fields = {name: np.array(grids[name].T, np.float64, order="C") for name in sorted(grids)}
    return Panel(calendar, symbols, fields, "adjusted", "qlib")


def read(config: DataConfig, day: str) -> Bars:
    """Canonical bars up to a day; a suspended day is a row of NaN."""
    import pandas as pd

    root = _root(config)
    calendar = _calendar(root)
    folders = sorted(p for p in (root / "features").iterdir() if p.is_dir())
    names = [normalise(p.name, config.symbol_format) for p in folders]
    parts = [_features(p, calendar) for p in folders]
    if not parts:
        raise UserError(f"{root}/features has no symbol: give a filled Qlib directory")
    code = np.repeat(np.arange(len(parts)), [len(p["date"]) for p in parts])
    symbols = pd.Categorical(np.array(names, dtype=object)[code])
    data = {name: np.concatenate([p[name] for p in parts]) for name in ("date", *_present(parts))}
    frame = pd.DataFrame({"symbol": symbols, **data})
    note = "Prices are adjusted by the Qlib directory's maker and kept as they are."
    return selected(Bars(frame, "adjusted", "qlib", (), (note,)), config, day)


def newest_session(config: DataConfig) -> str:
    """Last day of the directory's calendar."""
    return tables.newest([str(d) for d in _calendar(_root(config))], config)


def content_id(config: DataConfig) -> str:
    """Hash over the names below the directory and their content."""
    return tables.content_id(_root(config))


def _root(config: DataConfig) -> Path:
    root = tables.existing(config)
    for part in ("calendars/day.txt", "features"):
        if not (root / part).exists():
            raise UserError(
                f"{root} is no Qlib directory of daily bars, as it has no {part}: give the folder "
                "that holds calendars, instruments and features"
            )
    return root


def _calendar(root: Path) -> Days:
    lines = (root / "calendars" / "day.txt").read_text().split()
    try:
        days = np.array(lines, dtype="datetime64[D]")
    except ValueError:
        raise UserError(
            f"{root}/calendars/day.txt has a line that is no date: write one ISO date per line"
        ) from None
    if not len(days) or not (days[1:] > days[:-1]).all():
        raise UserError(f"{root}/calendars/day.txt is empty or not ascending: dump the data again")
    return days


def _present(parts: list[dict[str, Any]]) -> list[str]:
    return [name for name in _FIELDS if any(name in part for part in parts)]


def _features(folder: Path, calendar: Days) -> dict[str, Any]:
    """All fields of one symbol from its first to its last bar; absent optional fields are NaN."""
    pieces = {
        name: _bin(folder / f"{name}.day.bin", calendar)
        for name in _FIELDS
        if (folder / f"{name}.day.bin").exists()
    }
    missing = [name for name in _NEEDED if name not in pieces]
    if missing:
        raise UserError(
            f"{folder} has no {missing[0]}.day.bin: dump the data again with the field {missing[0]}"
        )
    first = min(start for start, _ in pieces.values())
    stop = max(start + len(values) for start, values in pieces.values())
    out: dict[str, Any] = {"date": calendar[first:stop].astype("datetime64[us]")}
    for name in _FIELDS:
        out[name] = np.full(stop - first, np.nan)
        if name in pieces:
            start, values = pieces[name]
            out[name][start - first : start - first + len(values)] = values
    return out


def _bin(path: Path, calendar: Days) -> tuple[int, Array]:
    """First position in the calendar and the values of one file."""
    content = path.read_bytes()
    if len(content) % 4 or len(content) < 4:
        raise UserError(f"{path} is cut off ({len(content)} bytes): dump the data again")
    values = np.frombuffer(content, dtype="<f4")
    start = float(values[0])
    if not (start >= 0 and start == int(start) and start + len(values) - 1 <= len(calendar)):
        raise UserError(
            f"{path} starts at {start:g} with {len(values) - 1} values, which the calendar of "
            f"{len(calendar)} days does not hold: dump the data again together with its calendar"
        )
    return int(start), values[1:].astype(np.float64)
