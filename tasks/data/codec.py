"""How panels, arrays and frames become bytes and come back: the same values, the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.panel import Panel

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

META = "panel.json"
#: columns of one file of a panel; changes the artifact's hash, never a number
COLUMNS_PER_FILE = 512


def array_bytes(array: NDArray[Any]) -> bytes:
    """The `.npy` bytes of an array, C-contiguous, never pickled."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def array_writer(array: NDArray[Any]) -> Callable[[str], None]:
    """Writes the bytes of `array_bytes` to a path, without holding them in memory."""
    contiguous = np.ascontiguousarray(array)
    return lambda path: np.save(path, contiguous, allow_pickle=False)


def array_mapped(path: Path) -> NDArray[Any]:
    """A `.npy` file as an array in private pages: writing into it never reaches the file."""
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))


def array_from_bytes(content: bytes) -> NDArray[Any]:
    """Read `.npy` bytes; pickled content is refused."""
    return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """Parquet with page checksums, zstd, no index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def write_frames(frames: Iterable[pd.DataFrame], path: str) -> None:
    """Frames of equal columns as one Parquet file, a row group each, one in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for frame in frames:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(
                path, table.schema, compression="zstd", write_page_checksum=True
            )
        writer.write_table(table)
    if writer is not None:
        writer.close()


def frame_from_bytes(content: bytes) -> pd.DataFrame:
    """Read Parquet and verify its page checksums."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
    return table.to_pandas()  # type: ignore[no-any-return]


def panel_files(panel: Panel) -> dict[str, bytes]:
    """A JSON head, and `.npy` files of `COLUMNS_PER_FILE` columns of each field.

    A reader of some columns reads and verifies only the files that hold them.
    """
    head = {
        "dates": [str(d) for d in panel.dates],
        "symbols": list(panel.symbols),
        "fields": list(panel.fields),
        "adjustment": panel.adjustment,
        "source": panel.source,
        "benchmarks": list(panel.benchmarks),
    }
    files = {META: json.dumps(head).encode()}
    for name, array in panel.fields.items():
        for first in range(0, array.shape[1], COLUMNS_PER_FILE):
            part = array[:, first : first + COLUMNS_PER_FILE]
            files[_part(name, first)] = array_bytes(part)
    return files


def panel_from(read: Callable[[str], bytes], columns: slice | None = None) -> Panel:
    """Read back what `panel_files` gave, or some neighbouring columns of it.

    Args:
        read: maps a file name to its bytes.
        columns: positions in the panel's column order; all by default.
    """
    head = json.loads(read(META))
    first, stop, _ = (columns or slice(None)).indices(len(head["symbols"]))
    symbols = tuple(head["symbols"][first:stop])
    return Panel(
        dates=np.array(head["dates"], dtype="datetime64[D]"),
        symbols=symbols,
        fields={name: _columns(read, name, first, stop) for name in head["fields"]},
        adjustment=head["adjustment"],
        source=head["source"],
        benchmarks=tuple(b for b in head["benchmarks"] if b in symbols),
    )


def _columns(read: Callable[[str], bytes], name: str, first: int, stop: int) -> NDArray[Any]:
    start = first - first % COLUMNS_PER_FILE
    parts = [
        array_from_bytes(read(_part(name, at)))[:, max(first - at, 0) : stop - at]
        for at in range(start, max(stop, start + 1), COLUMNS_PER_FILE)
    ]
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.hstack(parts))


def _part(field: str, first: int) -> str:
    return f"{field}.{first:05d}.npy"
