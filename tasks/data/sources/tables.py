"""From a vendor's long table to canonical bars; shared by the Parquet and CSV sources."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.bars import Bars
from tasks.data.sources import columns
from tasks.data.sources.selection import selected
from tasks.data.sources.units import to_shares_and_yuan
from tasks.errors import UserError
from tasks.market.symbols import is_mainland, normalise

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.config import DataConfig
    from tasks.data.panel import Adjustment


def files(config: DataConfig, endings: Sequence[str]) -> list[Path]:
    """The file, or the files of the folder in order of their names.

    Raises:
        UserError: nothing is given, nothing is there, or the folder has no such file.
    """
    root = existing(config)
    if not root.is_dir():
        return [root]
    found = sorted(p for p in root.rglob("*") if p.is_file() and p.name.endswith(tuple(endings)))
    if not found:
        raise UserError(
            f"folder {root} holds no {config.source} file ({', '.join(endings)}): correct the "
            "setting path or the setting source"
        )
    return found


def existing(config: DataConfig) -> Path:
    """The configured path, which must be there."""
    if not config.path:
        raise UserError(
            f"source {config.source!r} needs a file or folder: give it in the setting path"
        )
    root = Path(config.path).expanduser()
    if not root.exists():
        raise UserError(
            f"{config.path} does not exist: correct the setting path of source {config.source!r}"
        )
    return root


def read(
    config: DataConfig,
    day: str,
    endings: Sequence[str],
    table: Callable[[Path, DataConfig], tuple[pd.DataFrame, list[str]]],
) -> Bars:
    """All files as canonical bars up to a day."""
    import pandas as pd

    parts, ignored = [], []
    for path in files(config, endings):
        part, more = table(path, config)
        parts.append(_canonical(part, config, path))
        ignored += more
    frame = parts[0] if len(parts) == 1 else _stacked(parts)
    name = Path(config.path).name
    notes = to_shares_and_yuan(frame, config, name)
    if ignored:
        notes.append(f"Columns not used: {', '.join(dict.fromkeys(ignored))}.")
    adjustment = _adjustment(frame, config, name)
    notes.append(f"Prices are {adjustment}.")
    if not isinstance(frame["symbol"].dtype, pd.CategoricalDtype):
        frame["symbol"] = frame["symbol"].astype("category")
    return selected(Bars(frame, adjustment, config.source, (), tuple(notes)), config, day)


def content_id(root: Path) -> str:
    """Hash of a file's bytes, or of a folder's relative names and bytes; never of where it lies."""
    if not root.is_dir():
        return _sha256(root)
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(root).as_posix()}\0{_sha256(path)}\n".encode())
    return digest.hexdigest()


def newest(days: Sequence[str], config: DataConfig) -> str:
    """The newest of ISO dates that the setting `end` lets through."""
    if not days:
        raise UserError(f"{Path(config.path).name} has no row with a date: give a file with bars")
    fitting = [d for d in days if not config.end or d <= config.end]
    if not fitting:
        raise UserError(
            f"{Path(config.path).name} has no bars up to {config.end} (it begins on {min(days)}): "
            "correct the setting end or give older data"
        )
    return max(fitting)


def _canonical(table: pd.DataFrame, config: DataConfig, path: Path) -> pd.DataFrame:
    """Canonical columns of one file's table, whose columns have our names already."""
    import pandas as pd

    if not len(table):
        raise UserError(f"{path.name} has no rows: give a file with bars")
    if "symbol" in table:
        symbol = columns.symbols(table["symbol"], config.symbol_format, path.name)
    else:
        name = _from_name(path, config)
        texts = pd.Series([name] * len(table), dtype=object)
        symbol = columns.symbols(texts, "as_is", path.name)
    data = {"symbol": symbol, "date": columns.dates(table["date"], path.name)}
    rest = [name for name in table.columns if name not in data]
    return pd.DataFrame(
        data | {name: columns.numbers(table[name], path.name) for name in rest}, copy=False
    )


def _from_name(path: Path, config: DataConfig) -> str:
    """A file without a symbol column may be named after its only symbol."""
    stem = path.name.split(".csv")[0].split(".parquet")[0]
    try:
        symbol = normalise(stem, config.symbol_format)
    except UserError:
        symbol = ""
    if not symbol or not (is_mainland(symbol) or config.symbol_format == "as_is"):
        raise UserError(
            f"{path.name} has no column for symbol, and its name is none: name the column in the "
            "setting columns, such as symbol = 'its name'"
        )
    return symbol


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    texts = [part.assign(symbol=part["symbol"].astype(object)) for part in parts]
    frame = pd.concat(texts, ignore_index=True)
    return frame.assign(symbol=frame["symbol"].astype("category"))


def _adjustment(frame: pd.DataFrame, config: DataConfig, where: str) -> Adjustment:
    if config.adjustment == "auto":
        return "raw" if "factor" in frame else "unadjusted"
    if config.adjustment == "raw" and "factor" not in frame:
        raise UserError(
            f"{where} has no column for factor, which adjustment = 'raw' needs: name it in the "
            "setting columns, or set adjustment to 'unadjusted'"
        )
    return config.adjustment


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
