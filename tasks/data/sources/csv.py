"""Source `csv`: long text files, gzipped or not, in UTF-8 (with or without BOM) or GBK."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.config import DataConfig
from tasks.data.sources import columns, tables
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.bars import Bars
    from tasks.data.panel import Panel

ENDINGS = (".csv", ".csv.gz", ".txt")
_GZIP = b"\x1f\x8b"


def load(path: str | Path, *, end: str = "9999-12-31", **settings: Any) -> Panel:
    """A CSV file, or a folder of them, as a panel, through the quality gate.

    Args:
        path: file or folder.
        end: last day, ISO date.
        settings: further fields of `DataConfig`, such as `columns` or `volume_unit`.
    """
    from tasks.data.gate import gated_panel

    config = DataConfig(source="csv", path=str(path), **settings)
    return gated_panel(read(config, end), config)


def read(config: DataConfig, day: str) -> Bars:
    """Canonical bars up to a day; see `tables`."""
    return tables.read(config, day, ENDINGS, _table)


def newest_session(config: DataConfig) -> str:
    """ISO date of the newest bar; only the column of dates is parsed."""
    days: list[str] = []
    for path in tables.files(config, ENDINGS):
        text, separator, names = _text(path)
        column = columns.recognise(names, config.columns, path.name)["date"]
        table = _parse(text, separator, [column], [column], path)
        found = columns.dates(table[column], path.name).astype("datetime64[D]")
        days += {str(d) for d in found} - {"NaT"}
    return tables.newest(days, config)


def content_id(config: DataConfig) -> str:
    """Hash of the files' content."""
    return tables.content_id(tables.existing(config))


def _table(path: Path, config: DataConfig) -> tuple[pd.DataFrame, list[str]]:
    """The recognised columns under our names, and the names of the others."""
    text, separator, names = _text(path)
    found = columns.recognise(names, config.columns, path.name)
    used = list(dict.fromkeys(found.values()))
    # Symbols and dates as text: a number would lose the leading zeros of 000001.
    texts = [found[name] for name in ("symbol", "date") if name in found]
    table = _parse(text, separator, used, texts, path)
    renamed = {name: table[column] for name, column in found.items()}
    return table.__class__(renamed), [c for c in names if c not in used]


def _text(path: Path) -> tuple[str, str, list[str]]:
    """Decoded content, the separator and the columns of the first line."""
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(
                f"{path.name} is damaged ({error}): compress it again or give another file"
            ) from error
    text = _decoded(content, path)
    header = text.lstrip().split("\n", 1)[0]
    if not header.strip():
        raise UserError(f"{path.name} is empty: give a file with a first line of column names")
    separator = max(",;\t|", key=header.count)
    return text, separator, [c.strip().strip('"') for c in header.strip().split(separator)]


def _decoded(content: bytes, path: Path) -> str:
    if b"\0" in content:
        raise UserError(f"{path.name} is no text, as it holds zero bytes: save it as CSV in UTF-8")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path.name} is neither UTF-8 nor GBK text: save it in UTF-8")


def _parse(
    text: str, separator: str, wanted: list[str], texts: list[str], path: Path
) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype=dict.fromkeys(texts, str),
            skipinitialspace=True,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise UserError(
            f"{path.name} is no readable table ({str(error).splitlines()[0][:80]}): give one line "
            "of column names and lines of as many values"
        ) from error
    table.columns = [str(c).strip() for c in table.columns]
    return table[wanted]
