"""What this process has found to be right: hashing six gigabytes for each of forty folds is work.

A large file of an artifact is hashed once by each process that maps it, and again as soon as it is
another file, has another size or was written to. Whoever asks whether an artifact is there at all
(`Store.find`, `Store.holds`) still has every byte hashed.
"""

from __future__ import annotations

import time
from pathlib import Path

State = tuple[int, int, int, int, int]

#: a file that was written to later may still show the same time
YOUNG_SECONDS = 1.0
_KNOWN: dict[str, tuple[str, State]] = {}


def state(path: Path) -> State | None:
    """What changes when a file does; None for one that is not there."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip


def note(path: Path, sha256: str, before: State | None) -> None:
    """Remember the hash of a file, if it is as it was before it was hashed, and not just then."""
    if before is None or before != state(path):
        return
    if time.time() - max(before[-2:]) / 1e9 >= YOUNG_SECONDS:
        _KNOWN[str(path)] = (sha256, before)


def is_known(path: Path, sha256: str) -> bool:
    """Whether a file was found to have this hash and is as it was then."""
    known = _KNOWN.get(str(path))
    return known is not None and known == (sha256, state(path))
