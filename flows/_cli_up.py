"""`qilin up` and `qilin down`: the services that last, in three lines."""

from __future__ import annotations

import time

from flows import _up


def up_command() -> int:
    """Start server, worker, deployments and metrics on this machine; print the UI's address.

    Loopback only. Running it again starts what is missing and leaves the rest alone.
    """
    began = time.monotonic()
    running = _up.up()
    print(f"ui       {running.ui}")
    print(f"metrics  {running.metrics}")
    names = ", ".join(p.name for p in running.processes)
    print(f"up in {time.monotonic() - began:.0f} s: {names}; stop with: qilin down")
    return 0


def down_command() -> int:
    """Stop everything that `qilin up` started; the database and the store stay."""
    stopped = _up.down()
    print(f"stopped {stopped} processes" if stopped else "nothing was running")
    return 0
