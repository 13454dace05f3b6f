"""Which of many items kill the process that works on them: each is tried where nothing is lost.

The items are tried one after another in a process of their own. When it dies, the item it had
reached is at fault, and another process goes on behind it. What an item raises is no death: the
work itself will say it again, to whom it concerns.

    python -m tasks.cluster.trial PLACE     # the tried process: work on its standard input
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.05
#: how the tried process ends when Python itself refused an item's memory
NO_MEMORY = 77
_NO_MEMORY_WORDS = "asked for more memory than there is"


def deadly_items(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    most: int,
    memory_bytes: int | None = None,
) -> dict[int, str]:
    """Positions of the items that kill a process, and how it died.

    Args:
        function: called with each item; its result is dropped. It is pickled by value where it
            must be.
        items: in the order in which they are tried.
        most: so many are looked for; where more die, the function is at fault and not an item.
        memory_bytes: a process that takes more is killed, as a worker would be.
    """
    found: dict[int, str] = {}
    first = 0
    while first < len(items) and len(found) < most:
        reached, death = _tried(function, items[first:], memory_bytes)
        if not death:
            break
        found[first + reached] = death
        first += reached + 1
    return found


def memory_limit() -> int | None:
    """Bytes that the Dask worker which this runs on may take; None without such a limit."""
    from distributed import get_worker

    try:
        worker: Any = get_worker()
    except ValueError:
        return None
    limit: int | None = worker.memory_manager.memory_limit
    return limit


def _tried(
    function: Callable[[Any], Any], items: Sequence[Any], memory_bytes: int | None
) -> tuple[int, str]:
    """The item that one process reached, and how it died; empty if it came through."""
    from distributed.protocol.pickle import dumps

    with tempfile.NamedTemporaryFile(prefix="qilin-trial-") as place:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", __name__, place.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(dumps((function, list(items))))  # type: ignore[no-untyped-call]
        greedy = _watched(process, memory_bytes)
        reached = int(Path(place.name).read_text() or "0")
    death = _NO_MEMORY_WORDS if greedy else _death(process.returncode)
    return reached, death


def _watched(process: subprocess.Popen[bytes], memory_bytes: int | None) -> bool:
    """Wait for the end of a process; True if it was ended for its memory."""
    import psutil

    while process.poll() is None:
        if memory_bytes is not None:
            try:
                if psutil.Process(process.pid).memory_info().rss > memory_bytes:
                    process.kill()
                    process.wait()
                    return True
            except psutil.NoSuchProcess:
                continue
        time.sleep(POLL_SECONDS)
    return False


def _death(status: int) -> str:
    if status == 0:
        return ""
    if status == NO_MEMORY:
        return _NO_MEMORY_WORDS
    if status < 0:
        return f"killed its process ({signal.Signals(-status).name})"
    return f"ended its process (exit status {status})"


def _main(place: str) -> None:
    """Try what comes on the standard input, noting before each item which one it is."""
    import pickle

    function, items = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    note = os.open(place, os.O_WRONLY)
    for number, item in enumerate(items):
        os.pwrite(note, f"{number:09d}".encode(), 0)
        if not _survives(function, item):
            os._exit(NO_MEMORY)
    os._exit(0)  # nothing that the items left behind may die now


def _survives(function: Callable[[Any], Any], item: Any) -> bool:
    """Whether Python had memory enough; whatever else is raised, the work itself will tell."""
    try:
        function(item)
    except Exception as error:  # noqa: BLE001 - see above
        return not isinstance(error, MemoryError)
    return True


if __name__ == "__main__":
    _main(sys.argv[1])
