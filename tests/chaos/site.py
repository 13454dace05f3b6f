"""A place to run nights in whose parts die and come back: a Prefect server, a Dask cluster.

Every part is a process of its own that is started again whenever it ends, as a service manager
would do it. Workers have their nannies, and one thread each.
"""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import psutil

from flows import _processes, _server

WORKERS = 2
#: no service dies more often in one session
STARTS = 10_000


class Site:
    """A Prefect server, a Dask scheduler and two workers; use it in a `with` block."""

    def __init__(self) -> None:
        self.api = _server.api_url(_free_port())
        dask_port = _free_port()
        self.address = f"tcp://127.0.0.1:{dask_port}"
        prefect = _server.server_environment(self.api)
        env = {**os.environ, **_server.client_environment(self.api)}
        port = int(self.api.removesuffix("/api").rsplit(":", 1)[1])
        local = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        dask = [sys.executable, "-m", "dask"]

        def part(name: str, command: list[str], env: dict[str, str] = env) -> _processes.Kept:
            kept = _processes.Kept(f"chaos-{name}", command, env, most=STARTS)
            kept.watch()
            return kept

        self.server = part("server", _server.server_command(port), prefect)
        self.scheduler = part("scheduler", [*dask, "scheduler", "--port", str(dask_port), *local])
        self.workers = [
            part(f"worker{i}", [*dask, "worker", self.address, "--nthreads", "1", *local])
            for i in range(WORKERS)
        ]

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part in [*self.workers, self.scheduler, self.server]:
            part.stop()

    def environment(self, home: Path) -> dict[str, str]:
        """What a night is told that works here, in a store of its own."""
        mine = {"QILIN_HOME": str(home), "QILIN_CLUSTER": self.address}
        return {**os.environ, **_server.client_environment(self.api), **mine}

    def wait(self, seconds: float = 180.0) -> None:
        """Wait until everything answers."""
        deadline = time.monotonic() + seconds
        while not (_server.answers(self.api) and all(self._computes(w) for w in self.workers)):
            assert time.monotonic() < deadline, "the site did not come up: look at its logs"
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """kill -9 of the scheduler or the server, with everything that it started."""
        for process in getattr(self, name).family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def kill_worker(self, number: int) -> None:
        """kill -9 of one worker process; its nanny sees to the next."""
        for process in self._computing(self.workers[number]):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _computes(self, worker: _processes.Kept) -> bool:
        return any(True for _ in self._computing(worker))

    @staticmethod
    def _computing(worker: _processes.Kept) -> Iterator[psutil.Process]:
        """The process below a nanny that runs tasks, not the one that tracks its resources."""
        for child in worker.family:
            with contextlib.suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    yield child


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
