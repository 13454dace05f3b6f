"""Keep a child process from outliving its owner, however the owner ends.

Run as a program: `python _guard.py GRACE COMMAND...`. It starts the command in a process group of
its own and stops the whole group as soon as its standard input closes, which the operating system
does for every way a process can end, `kill -9` included. On Linux the command also dies with this
guard. Only the standard library is used: the guard starts in milliseconds and stays small.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

POLL_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


def main(grace_seconds: float, command: list[str]) -> int:
    """Run the command until it ends or standard input closes; its exit status.

    Args:
        grace_seconds: how long its group may take to end by itself before it is killed.
        command: program and arguments.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    child = subprocess.Popen(  # noqa: S603 - the owner's own command, no shell
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # The guard has one thread, so that code between fork and exec is safe here.
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )
    try:
        while child.poll() is None:
            readable, _, _ = select.select([0], [], [], POLL_SECONDS)
            if readable and not os.read(0, 1024):
                break
    finally:
        _stop_group(child, grace_seconds)
    return child.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop_group(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End the group politely, then for good; members that outlived the leader included."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # we are on our way already
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, sign)
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline:
            child.poll()
            if not _group_lives(child.pid):
                return
            time.sleep(0.05)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
