"""Source `parquet`: long Parquet files of any vendor; only the recognised columns are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.config import DataConfig
from tasks.data.sources import columns, tables
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.bars import Bars
    from tasks.data.panel import Panel

ENDINGS = (".parquet", ".parq", ".pq")


def load(path: str | Path, *, end: str = "9999-12-31", **settings: Any) -> Panel:
    """A Parquet file, or a folder of them, as a panel, through the quality gate.

    Args:
        path: file or folder.
        end: last day, ISO date.
        settings: further fields of `DataConfig`, such as `columns` or `benchmarks`.
    """
    from tasks.data.gate import gated_panel

    config = DataConfig(source="parquet", path=str(path), **settings)
    return gated_panel(read(config, end), config)


def read(config: DataConfig, day: str) -> Bars:
    """Canonical bars up to a day; see `tables`."""
    return tables.read(config, day, ENDINGS, _table)


def newest_session(config: DataConfig) -> str:
    """ISO date of the newest bar, from the files' column statistics where they have them."""
    days: list[str] = []
    for path in tables.files(config, ENDINGS):
        file = _open(path)
        column = columns.recognise(file.schema_arrow.names, config.columns, path.name)["date"]
        found = _statistics(file, column)
        if not found or (config.end and _iso(found, path)[-1] > config.end):
            found = file.read([column]).column(0).unique().to_pylist()
        days += _iso([d for d in found if d is not None], path)
    return tables.newest(days, config)


def content_id(config: DataConfig) -> str:
    """Hash of the files' content."""
    return tables.content_id(tables.existing(config))


def _table(path: Path, config: DataConfig) -> tuple[pd.DataFrame, list[str]]:
    """The recognised columns under our names, and the names of the others."""
    file = _open(path)
    have = file.schema_arrow.names
    found = columns.recognise(have, config.columns, path.name)
    table = file.read(list(dict.fromkeys(found.values()))).to_pandas()
    used = set(found.values())
    renamed = {name: table[column] for name, column in found.items()}
    return table.__class__(renamed, copy=False), [c for c in have if c not in used]


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path)
        texts = [f.name for f in names if pa.types.is_string(f.type)]
        return pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path.name} is no readable Parquet file ({str(error).splitlines()[0][:80]}): give "
            "another file, or set source to what it is"
        ) from error


def _statistics(file: Any, column: str) -> list[Any]:
    """Largest value of each row group; empty where a row group does not say."""
    index = file.schema_arrow.names.index(column)
    found = []
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(index).statistics
        if statistics is None or not statistics.has_min_max:
            return []
        found.append(statistics.max)
    return found


def _iso(values: list[Any], path: Path) -> list[str]:
    import pandas as pd

    days = columns.dates(pd.Series(values), path.name).astype("datetime64[D]")
    return sorted(str(d) for d in days if str(d) != "NaT")
