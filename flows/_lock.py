"""A lock per run that dies with its process, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from tasks import settings
from tasks.errors import UserError


@contextlib.contextmanager
def held(run_id: str) -> Iterator[None]:
    """Hold the run's lock while it works.

    Raises:
        UserError: another process of this machine works on the same run.
    """
    with _path(run_id).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"run {run_id} is being worked on by another process of this machine: wait for it"
            ) from None
        yield


def is_held(run_id: str) -> bool:
    """Whether some process of this machine works on the run."""
    with _path(run_id).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _path(run_id: str) -> Path:
    folder = settings.local_home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / run_id
