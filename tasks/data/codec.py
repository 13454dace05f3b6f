"""How panels, arrays and frames become bytes and come back: the same values, the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.panel import Panel

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

META = "panel.json"


def array_bytes(array: NDArray[Any]) -> bytes:
    """The `.npy` bytes of an array, C-contiguous, never pickled."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


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


def frame_from_bytes(content: bytes) -> pd.DataFrame:
    """Read Parquet and verify its page checksums."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
    return table.to_pandas()  # type: ignore[no-any-return]


def panel_files(panel: Panel) -> dict[str, bytes]:
    """One `.npy` per field and a JSON head with dates, symbols and labels."""
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
        files[f"{name}.npy"] = array_bytes(array)
    return files


def panel_from(read: Callable[[str], bytes], names: Iterable[str] | Mapping[str, str]) -> Panel:
    """Read back what `panel_files` gave; `read` maps a file name to its bytes."""
    if META not in names:
        raise KeyError(META)
    head = json.loads(read(META))
    return Panel(
        dates=np.array(head["dates"], dtype="datetime64[D]"),
        symbols=tuple(head["symbols"]),
        fields={name: array_from_bytes(read(f"{name}.npy")) for name in head["fields"]},
        adjustment=head["adjustment"],
        source=head["source"],
        benchmarks=tuple(head["benchmarks"]),
    )
