"""`qilin sweep` as a user runs it, by the hundred thousand or the ten million: time and memory.

The peak is that of the largest process and of all of the sweep's processes together (what they
share counted once), read ten times a second. Ten thousand sets and all of them are run, so that
what grows with their number is seen. `QILIN_BENCH=full` sweeps ten million sets: ten minutes
on two cores. `QILIN_BENCH_SETS` takes another number.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

FULL = os.environ.get("QILIN_BENCH") == "full"
SETS = int(os.environ.get("QILIN_BENCH_SETS", 10_000_000 if FULL else 200_000))
SMALL = 10_000
WINDOWS = 25
LIMIT = 1.5 * 2**30
#: a market of two stocks over some 80 sessions: what is measured is the sets
MARKET = (
    "data.simulated.n_symbols=2",
    "data.simulated.start=2026-03-02",
    "data_date=2026-06-30",
    "budget.minutes=600",
    "advanced.sweep.trials_per_block=5000",
)


def sweep(home: Path, sets: int, workers: int) -> tuple[dict, float, int, int]:
    """Its summary, seconds, and the peaks of its largest process and of all of them, bytes."""
    side = round((sets / WINDOWS) ** 0.5)
    values = {
        "window": [*range(3, 3 + WINDOWS)],
        "width": [round(0.5 + 2.5 * i / side, 6) for i in range(side)],
        "leave": [round(-0.4 + 2.5 * i / side, 6) for i in range(side)],
    }
    config = home / "sweep.toml"
    home.mkdir(parents=True)
    lines = "".join(f"{name} = {numbers}\n" for name, numbers in values.items())
    config.write_text("[advanced.sweep.values]\n" + lines)
    command = [
        sys.executable, "-m", "flows.cli", "sweep", "--json", "--strategy", "bollinger",
        "--config", str(config), *(word for value in MARKET for word in ("--set", value)),
    ]  # fmt: skip
    cluster = f"threads:{workers}"
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "QILIN_HOME": str(home), "QILIN_CLUSTER": cluster},
    )  # fmt: skip
    peaks = [0, 0]
    watch = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watch.start()
    told, _ = process.communicate()
    took = time.perf_counter() - begin
    watch.join()
    assert process.returncode == 0, told
    return json.loads(told), took, *peaks


def _watch(process: subprocess.Popen, peaks: list[int]) -> None:
    while process.poll() is None:
        sizes = []
        with contextlib.suppress(psutil.Error):
            every = [psutil.Process(process.pid)]
            for one in [*every, *every[0].children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    info = one.memory_full_info()
                    sizes.append((info.rss, info.pss))
        if sizes:
            peaks[0] = max(peaks[0], *(rss for rss, _ in sizes))
            peaks[1] = max(peaks[1], sum(pss for _, pss in sizes))
        time.sleep(0.1)


def test_memory_stays_within_its_bound_whatever_the_number_of_sets(tmp_path):
    print(f"\n{'sets':>12}{'seconds':>10}{'sets a s':>10}{'largest MiB':>13}{'all MiB':>9}")
    for sets in (SMALL, SETS):
        summary, took, largest, every = sweep(tmp_path / str(sets), sets, 2)
        assert summary["state"] == "PASS"
        rows = sum(
            pq.read_metadata(path).num_rows
            for path in Path(summary["table"]).glob("trials-*.parquet")
        )
        assert rows == summary["sets"]
        print(
            f"{rows:12,}{took:10.0f}{rows / took:10,.0f}{largest / 2**20:13,.0f}"
            f"{every / 2**20:9,.0f}"
        )
        assert largest < LIMIT
