"""Locks that die with their process: one per run, one per night.

On one machine the kernel keeps them: a kill -9 frees them at once. A store that several hosts share
holds a lease beside them, renewed while the work goes on; another host takes over when it is stale.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tasks import settings
from tasks.data.store import Store
from tasks.errors import EnvironmentFaultError, UserError

#: a lease is renewed this often, and is stale after so long without
RENEW_SECONDS, STALE_SECONDS = 15.0, 90.0


@contextlib.contextmanager
def held(name: str, what: str = "") -> Iterator[None]:
    """Hold a lock while the work goes on.

    Args:
        name: of the lock, such as a run's id.
        what: who holds it, for the sentence that others get to see.

    Raises:
        UserError: another process works on the same.
    """
    with _opened(name) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(name, _holder(file.name)) from None
        with contextlib.suppress(OSError):  # on a full disk the lock holds, only nameless
            _inscribe(file, what)
        with _lease(name):
            yield


def is_held(name: str) -> bool:
    """Whether some process, here or at a host that shares the store, holds the lock."""
    with _opened(name) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return bool(_foreign_lease(name))


@contextlib.contextmanager
def _lease(name: str) -> Iterator[None]:
    """Tell other hosts that the work goes on; nothing to do where the store is this machine's."""
    store = Store()
    if store.is_local:
        yield
        return
    if host := _foreign_lease(name):
        raise _taken(name, f"host {host}")
    over = threading.Event()

    def renew() -> None:
        while True:
            text = json.dumps({"host": socket.gethostname(), "renewed": time.time()})
            store.note(f"leases/{name}", text)
            if over.wait(RENEW_SECONDS):
                store.note(f"leases/{name}", "")
                return

    thread = threading.Thread(target=renew, name=f"lease {name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _foreign_lease(name: str) -> str:
    """The other host that works on it; empty if there is none, or its lease is stale."""
    store = Store()
    text = "" if store.is_local else store.read_note(f"leases/{name}")
    if not text:
        return ""
    lease = json.loads(text)
    alive = time.time() - float(lease["renewed"]) < STALE_SECONDS
    return str(lease["host"]) if alive and lease["host"] != socket.gethostname() else ""


def _taken(name: str, holder: str) -> UserError:
    return UserError(f"{holder or 'another process'} works on {name} already: wait for it")


def _holder(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _opened(name: str) -> TextIO:
    path = settings.local_home() / "locks" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFaultError(
            f"the lock {path} cannot be opened ({error.strerror}); free space or fix its "
            "permissions, or set QILIN_HOME to another place"
        ) from error


def _inscribe(file: TextIO, what: str) -> None:
    os.truncate(file.fileno(), 0)
    os.pwrite(file.fileno(), what.encode(), 0)
