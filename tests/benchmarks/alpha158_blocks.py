"""Alpha158 of a stored panel to artifacts, block by block; a program of its own to be measured.

Use: `python THIS HOME SYMBOLS DAYS WORKERS`. Prints JSON: seconds and CPU seconds of the blocks
(without making the panel), peak memory of the largest process in MB, and the megabytes written.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from tasks.data import codec
from tasks.data.panel import Panel
from tasks.data.store import Artifact, Store
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.expressions.evaluating import evaluate

BLOCK = 128


def make_panel(days: int, symbols: int) -> Panel:
    rng = np.random.default_rng(0)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    close[rng.random(close.shape) < 0.03] = np.nan
    fields = {"close": close, "open": close * 1.001, "high": close * 1.01, "low": close * 0.99}
    fields |= {"vwap": close * 1.0005, "volume": rng.lognormal(12, 1, close.shape)}
    dates = np.busday_offset("2010-01-01", np.arange(days))
    return Panel(dates, tuple(f"{i:06d}.SZ" for i in range(symbols)), fields, "adjusted")


def one_block(home: str, panel: Artifact, first: int) -> tuple[int, float]:
    """Compute and store one block of symbols; bytes written and CPU seconds."""
    begin = time.process_time()
    store = Store(home)
    part = store.read_panel(panel, slice(first, first + BLOCK))
    values = evaluate(ALPHA158, part, "cpu", dtype="float32")
    key = f"{panel.key[-8:]}{first:056x}"
    files = {"features.npy": lambda path: write(path, values)}
    size = store.put("features", key, files, rows=len(part.dates)).bytes
    return size, time.process_time() - begin


def write(path: str, values: dict[str, np.ndarray]) -> None:
    """All grids in one file, (factors, days, symbols), without a copy of them in memory."""
    shape = next(iter(values.values())).shape
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(values), *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        for grid in values.values():
            file.write(grid.data)


def warm(home: str, panel: Artifact) -> None:
    """Load the compiled kernels."""
    evaluate(ALPHA158, Store(home).read_panel(panel, slice(0, 2)), "cpu")


def peak() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(w).ru_maxrss for w in who) / 1024


def main() -> None:
    home, symbols, days, workers = sys.argv[1], *map(int, sys.argv[2:5])
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:  # its memory is not measured
        panel = pool.submit(stored, home, symbols, days).result()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        list(pool.map(warm, [home] * workers, [panel] * workers))
        begin = time.perf_counter()
        firsts = range(0, symbols, BLOCK)
        done = list(pool.map(one_block, [home] * len(firsts), [panel] * len(firsts), firsts))
        seconds = time.perf_counter() - begin
        peaks = list(pool.map(_peak, range(workers)))
    size, cpu = (sum(column) for column in zip(*done, strict=True))
    found = {"seconds": seconds, "cpu": cpu, "peak_mb": max(peaks), "written_mb": size / 2**20}
    print(json.dumps(found))


def stored(home: str, symbols: int, days: int) -> Artifact:
    panel = make_panel(days, symbols)
    return Store(home).put("panel", f"{symbols:064x}", codec.panel_files(panel), rows=days)


def _peak(_: int) -> float:
    return peak()


if __name__ == "__main__":
    main()
