"""Processes that Qilin starts beside itself: guarded ones, lasting ones, and their end.

A guarded process ends with the program that started it. A lasting one belongs to `qilin up`: it is
recorded with its start time, so that `qilin down` stops what it was and never a stranger that got
the same process id later.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import psutil

from flows import _guard
from tasks import settings
from tasks.errors import EnvironmentFaultError

#: a log longer than this is moved aside (one generation) before a process appends to it
LOG_LIMIT_BYTES = 10_000_000
#: how long a process may take to end by itself before it is killed
GRACE_SECONDS = 10.0
#: how often it is looked whether a process that is kept has died
WATCH_SECONDS = 0.5

#: Python complains of a handle that is dropped while its process lives
_kept: list[subprocess.Popen[bytes]] = []


@dataclasses.dataclass(frozen=True)
class Lasting:
    """A recorded process: what it is for, which it is, and where it writes its log."""

    name: str
    pid: int
    started: float
    log: str

    def process(self) -> psutil.Process | None:
        """The living process, or None if it ended (even if its id was taken by another)."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < 1.0
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(pid: int, port: int) -> bool:
    """Whether a process or one of its descendants listens on a TCP port."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for process in family
            for connection in process.net_connections(kind="tcp")
        )
    except psutil.Error:  # a process of the family ended meanwhile: look again
        return False


def log_path(name: str) -> Path:
    """Log file of a process, below the store's local folder."""
    return settings.local_home() / "logs" / f"{name}.log"


def start_guarded(
    name: str, command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process that ends when this one does; end it earlier with `stop_guarded`."""
    guarded = [sys.executable, "-I", _guard.__file__, str(GRACE_SECONDS), *command]
    with _open_log(name) as log:
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            guarded,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,  # a Ctrl-C is for the owner, who then ends it in order
        )


def run_guarded(name: str, command: Sequence[str], out: Path) -> int:
    """Run a command that ends when this process does; its exit code.

    Args:
        name: of the log that takes what it says on its error output.
        command: program and arguments.
        out: file that takes its output.
    """
    guarded = [sys.executable, "-I", _guard.__file__, str(GRACE_SECONDS), *command]
    with _open_log(name) as log, out.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            guarded, stdin=subprocess.PIPE, stdout=file, stderr=log, start_new_session=True
        )
    try:
        return process.wait()
    finally:
        stop_guarded(process)


def stop_guarded(process: subprocess.Popen[bytes]) -> None:
    """End a guarded process and everything that it started."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(timeout=2 * GRACE_SECONDS + 5)
    except subprocess.TimeoutExpired:
        stop_tree([psutil.Process(process.pid)])
        process.wait()


class Kept:
    """A guarded process that is started again when it dies.

    Args:
        name: of its log.
        command: program and arguments.
        environment: of the process.
        most: so many times; whatever dies more often is left dead.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], most: int
    ) -> None:
        self._name, self._command, self._environment = name, list(command), dict(environment)
        self._left, self._over = most, threading.Event()
        self._watcher: threading.Thread | None = None
        self.process = start_guarded(name, command, environment)

    def watch(self) -> None:
        """Begin to look after it; until then its end is the business of whoever waits for it."""
        self._watcher = threading.Thread(target=self._watch, name=f"keep {self._name}", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()
        stop_guarded(self.process)

    @property
    def family(self) -> list[psutil.Process]:
        """The process itself and what it started, without its guard."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _watch(self) -> None:
        while not self._over.wait(WATCH_SECONDS) and self._left:
            if self.process.poll() is not None:
                self._left -= 1
                stop_guarded(self.process)
                self.process = start_guarded(self._name, self._command, self._environment)


def start_lasting(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Lasting:
    """Start a process that goes on after this one has ended."""
    with _open_log(name) as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=settings.CHECKOUT,
            start_new_session=True,
        )
    _kept.append(process)
    started = psutil.Process(process.pid).create_time()
    return Lasting(name, process.pid, started, str(log_path(name)))


def stop_tree(roots: Sequence[psutil.Process], grace_seconds: float = GRACE_SECONDS) -> int:
    """End processes with all their descendants, politely first; how many there were."""
    family: dict[int, psutil.Process] = {}
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            family.update({p.pid: p for p in [root, *root.children(recursive=True)]})
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in list(family.values()):
            with contextlib.suppress(psutil.NoSuchProcess):
                # Children that were born since the last look belong to the family too.
                family.update({p.pid: p for p in process.children(recursive=True)})
                process.send_signal(sign)
        _, alive = psutil.wait_procs(family.values(), timeout=grace_seconds)
        if not alive:
            break
        family = {p.pid: p for p in alive} | family
    return len(family)


def last_line(log: Path | str) -> str:
    """The last line with text in a log, for a sentence about why a process ended."""
    try:
        with Path(log).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _open_log(name: str) -> BinaryIO:
    path = log_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".old.log"))
        return path.open("ab")
    except OSError as error:
        raise EnvironmentFaultError(
            f"the log {path} cannot be written ({error.strerror}); free space or fix its "
            "permissions, or set QILIN_HOME to another place"
        ) from error
