"""Nights that something happens to: started, watched until they are in the middle, looked at."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.flows import nights

PATIENCE_SECONDS = 900.0


@contextmanager
def started(words: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that is running; killed with all it started if the test ends before it."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, env=dict(env), stdout=pipe, stderr=pipe, text=True)
    family = psutil.Process(process.pid)
    try:
        yield process
    finally:
        if process.poll() is None:
            for member in [*family.children(recursive=True), family]:
                member.kill()
            process.communicate()


def ended(process: subprocess.Popen[str], home: Path) -> nights.Ran:
    """How a started command ended."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return nights.Ran(process.returncode, out, err, home)


def until(
    condition: Callable[[], object],
    what: str,
    seconds: float = PATIENCE_SECONDS,
    pause: float = 0.02,
) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(pause)


def begun(home: Path) -> int:
    """How often a block of a store's nights was begun."""
    return len(list(home.glob("attempts/*/*/*")))


def until_begun(home: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a night has begun so many blocks."""

    def enough() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return begun(home) >= count

    until(enough, f"{count} blocks of the night begin")


def artifacts(home: Path) -> set[str]:
    """Keys of all artifacts; each of them is whole, and nothing half-written lies about."""
    from tasks.data.store import Store

    store = Store(str(home))
    keys = {path.name for path in home.glob("objects/*/*")}
    damaged = [key for key in keys if store.find(key) is None]
    assert not damaged, f"half an artifact is left: {damaged}"
    assert not list(home.glob("tmp/*")), "a writer left something behind"
    return keys


def left_of(home: Path) -> dict[int, str]:
    """Processes that still work in a store: process id to command line."""
    found = {}
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("QILIN_HOME") == str(home)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
        except psutil.Error:  # ended meanwhile, or another user's
            continue
    return found
