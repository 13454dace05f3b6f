"""Qlib directories for tests: written in Qlib's own format, and computed on by pyqlib itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

PEER = Path(__file__).parents[1] / "peers" / "qlib_features.py"


def write(root: Path, dates: np.ndarray, fields: Mapping[str, np.ndarray]) -> Path:
    """A directory of the grids (T, N), for symbols SH600000 and on, each from its first price.

    They end with the calendar, as those of suspended stocks do: Qlib has no rows after a file's
    end, while a panel cannot know on a day without trading that no other will follow.
    """
    (root / "calendars").mkdir(parents=True)
    (root / "instruments").mkdir()
    (root / "calendars" / "day.txt").write_text("".join(f"{day}\n" for day in dates))
    lines = []
    for column in range(fields["close"].shape[1]):
        rows = np.flatnonzero(~np.isnan(fields["close"][:, column]))
        if not len(rows):
            continue
        first, last = rows[0], len(dates) - 1
        name = f"SH{600000 + column}"
        lines.append(f"{name}\t{dates[first]}\t{dates[last]}\n")
        folder = root / "features" / name.lower()
        folder.mkdir(parents=True)
        for field, grid in fields.items():
            values = np.array([first, *grid[first : last + 1, column]], dtype="<f4")
            values.tofile(folder / f"{field}.day.bin")
    (root / "instruments" / "all.txt").write_text("".join(lines))
    return root


def start(
    python: Path, root: Path, expressions: Mapping[str, str], out: Path, *rounds: str
) -> subprocess.Popen[str]:
    """pyqlib at work on a directory, in the peers' environment."""
    source = out.with_suffix(".json")
    source.write_text(json.dumps(dict(expressions)))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return subprocess.Popen(
        [str(python), "-W", "ignore", str(PEER), str(root), str(source), str(out), *rounds],
        cwd=out.parent,
        env={**environment, **threads},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compute(
    python: Path, root: Path, expressions: Mapping[str, str], out: Path
) -> dict[str, np.ndarray]:
    """What pyqlib gives for each expression, (T, N) on the directory's calendar and symbols."""
    done = start(python, root, expressions, out)
    _, errors = done.communicate()
    assert done.returncode == 0, errors[-3000:]
    return read(root, out)


def read(root: Path, out: Path) -> dict[str, np.ndarray]:
    """The grids that the peer wrote; rows that it left out are NaN."""
    calendar = np.loadtxt(root / "calendars" / "day.txt", dtype="datetime64[D]", ndmin=1)
    folders = sorted(p.name for p in (root / "features").iterdir())
    found = {}
    with np.load(out) as archive:
        rows = np.searchsorted(calendar, archive["days"])
        columns = np.searchsorted(folders, [s.lower() for s in archive["symbols"]])
        for name in archive.files:
            if name.startswith("f:"):
                grid = np.full((len(calendar), len(folders)), np.nan)
                grid[np.ix_(rows, columns)] = archive[name].T
                found[name[2:]] = grid
    return found
