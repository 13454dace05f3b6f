"""What this process has found to be right: hashing six gigabytes for each of forty folds is work.

A large file of an artifact is hashed once by each process that maps it, and again as soon as it is
another file, has another size or was written to. Whoever asks whether an artifact is there at all
(`Store.find`, `Store.holds`) still has every byte hashed.
"""

from __future__ import annotations

from pathlib import Path

_State = tuple[int, int, int, int]
_KNOWN: dict[str, tuple[str, _State]] = {}


def note(path: Path, sha256: str) -> None:
    """Remember that a file has this hash."""
    _KNOWN[str(path)] = (sha256, _state(path))


def is_known(path: Path, sha256: str) -> bool:
    """Whether a file was found to have this hash and is as it was then."""
    return _KNOWN.get(str(path)) == (sha256, _state(path))


def _state(path: Path) -> _State:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
