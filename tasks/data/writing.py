"""How a store is written to: beside its place first, and with one sentence where it cannot be."""

from __future__ import annotations

import contextlib
import errno
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks import settings
from tasks.errors import EnvironmentFaultError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def writing(root: str, what: str, size: int) -> Iterator[Path]:
    """A path in a store's scratch folder to write to; whatever still lies there in the end goes.

    Args:
        root: of the store; beside an object store the scratch folder is this machine's.
        what: is written, for the sentence.
        size: bytes that it takes at least.

    Raises:
        EnvironmentFaultError: for every `OSError` of the block.
    """
    base = settings.local_home() if "://" in root else Path(root)
    scratch = base / "tmp" / uuid.uuid4().hex
    try:
        try:
            scratch.parent.mkdir(parents=True, exist_ok=True)
            yield scratch
        finally:
            _remove(scratch)
    except OSError as error:
        raise _explained(error, root, base, what, size) from error


def send(url: str, content: bytes, mode: str = "overwrite") -> None:
    """Write one object; with the mode `create` only where there is none.

    Raises:
        FileExistsError: in the mode `create`, there is one.
        OSError: it did not work, whatever kind of error the service's client has for it.
    """
    fs, path = filesystem(url)
    try:
        fs.pipe_file(path, content, mode=mode)
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    return fs, path


def _explained(
    error: OSError, root: str, base: Path, what: str, size: int
) -> EnvironmentFaultError:
    if error.errno in _FULL:
        there = next(p for p in (base, *base.parents) if p.exists())
        free = shutil.disk_usage(there).free
        return EnvironmentFaultError(
            f"the disk of {base} is full: {what} needs at least {_amount(size)}, and "
            f"{_amount(free)} are free; make room or set QILIN_HOME to a larger disk, then "
            "retry: what is written stays"
        )
    if "://" in root:
        return EnvironmentFaultError(
            f"the store {root} did not take {what} ({error}): see that its service answers and "
            "lets you write, then retry: what it took is found"
        )
    where = f" at {error.filename}" if error.filename else ""
    return EnvironmentFaultError(
        f"the store {root} cannot be written ({error.strerror or error}{where}); fix its "
        "permissions or set QILIN_HOME to another place, then retry"
    )


def _remove(scratch: Path) -> None:
    """Whatever a writer left; what cannot be removed is swept by a later night."""
    if scratch.is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        scratch.unlink()


def _amount(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
