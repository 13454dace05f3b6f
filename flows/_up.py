"""`qilin up` and `qilin down`: server, worker, deployments and metrics that last.

Every process is recorded with its start time in `prefect/up.json` below the store. `up` starts what
is missing and leaves the rest alone; `down` stops all of it with everything it has started.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from flows import _metrics, _processes, _server, _watchdog
from flows._processes import Lasting
from tasks import settings
from tasks.data.store import Store
from tasks.errors import EnvironmentFaultError, UserError

WORK_POOL = "qilin"
WORKER_LOG = "prefect-worker"
METRICS_LOG = "metrics"
PREFECT_FILE = "deployments/prefect.yaml"
DEPLOY_TIMEOUT_SECONDS = 300
START_TIMEOUT_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Running:
    """What is up: addresses and processes.

    Attributes:
        url: Prefect's API.
        ui: address for a browser.
        metrics: address for Prometheus.
        processes: those that `down` stops.
        configured: the server is the user's own and was not started here.
    """

    url: str
    ui: str
    metrics: str
    processes: tuple[Lasting, ...]
    configured: bool = False

    def alive(self) -> tuple[Lasting, ...]:
        """Recorded processes that live."""
        return tuple(p for p in self.processes if p.process() is not None)


def record_path() -> Path:
    """Where `up` notes what it started."""
    return _server.prefect_folder() / "up.json"


def running() -> Running | None:
    """What the last `up` started, as far as it is recorded; None after `down`."""
    try:
        value = json.loads(record_path().read_text())
        processes = tuple(Lasting(**entry) for entry in value.pop("processes"))
        return Running(**value, processes=processes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):  # an older or a torn record names no process for sure
        return None


def up() -> Running:
    """Start what is not running yet, deploy, and say where it is.

    Raises:
        EnvironmentFaultError: the store cannot be written, a process did not start, or the
            deployments were refused.
    """
    Store().require_writable()
    _server.prefect_folder().mkdir(parents=True, exist_ok=True)
    before = {p.name: p for p in (running() or _nothing()).alive()}
    configured = _server.configured_url()
    state = _Starting(before)
    try:
        url = configured or _start_server(state)
        with _server.applied({} if configured else _server.client_environment(url)):
            wait_for_worker = _start_worker(state)
            metrics_port = _start_metrics(state)
            wait_for_worker()
            _deploy()
            _watchdog.ensure()
    except BaseException:
        _stop(list(state.fresh))
        raise
    result = Running(
        url=url,
        ui=url.removesuffix("/api"),
        metrics=f"http://{_server.LOOPBACK}:{metrics_port}/metrics",
        processes=tuple(state.all.values()),
        configured=bool(configured),
    )
    _write(record_path(), dataclasses.asdict(result))
    return result


def worker_listens(url: str) -> bool:
    """Whether a worker takes runs of our pool: one of `up`, or one at the user's own server."""
    state = running()
    if state is not None and any(p.name == WORKER_LOG for p in state.alive()):
        return True
    if not _server.configured_url():
        return False
    pools = _server.ask(url, "/work_pools/filter", {"limit": 200})
    if all(pool["name"] != WORK_POOL for pool in pools):
        return False
    workers = _server.ask(url, f"/work_pools/{WORK_POOL}/workers/filter", {})
    return any(worker.get("status") == "ONLINE" for worker in workers)


def down() -> int:
    """Stop everything that `up` started, with all it has started; how many processes ended.

    Runs that were under way are marked Crashed, so that Retry is offered for them.
    """
    state = running()
    stopped = 0
    if state is not None:
        alive = {p.name: p for p in state.alive()}
        worker = alive.pop(WORKER_LOG, None)
        if worker is not None:
            stopped += _stop([worker])
            with contextlib.suppress(EnvironmentFaultError):
                _mark_orphans(state.url)
        stopped += _stop(list(alive.values()))
    for path in (record_path(), _server.server_record()):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
    return stopped


class _Starting:
    """Processes while `up` works: those found alive, and those it started itself."""

    def __init__(self, found: Mapping[str, Lasting]) -> None:
        self.all = dict(found)
        self.fresh: list[Lasting] = []

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> Lasting:
        process = _processes.start_lasting(name, command, environment)
        self.all[name] = process
        self.fresh.append(process)
        return process


def _nothing() -> Running:
    return Running("", "", "", ())


def _start_server(state: _Starting) -> str:
    url = _server.running_url()
    if url and _server.SERVER_LOG in state.all:
        return url
    if stale := state.all.pop(_server.SERVER_LOG, None):
        _stop([stale])
    for _ in range(_server.PORT_ATTEMPTS):
        port = _server.recorded_port() or _server.choose_port()
        url = _server.api_url(port)
        environment = _server.server_environment(url)
        server = state.start(_server.SERVER_LOG, _server.server_command(port), environment)
        try:
            _server.wait_until_ready(url, server.pid)
        except _server.PortLostError:
            continue
        record = {"url": url, "pid": server.pid, "started": server.started}
        _write(_server.server_record(), record)
        return url
    raise _server.no_port()


def _start_metrics(state: _Starting) -> int:
    before = running()
    if before is not None and METRICS_LOG in state.all:
        return int(before.metrics.rsplit(":", 1)[1].split("/")[0])
    port = _metrics_port()
    metrics = state.start(
        METRICS_LOG, [sys.executable, "-m", "flows._metrics", str(port)], os.environ
    )
    _wait_for_port(metrics, port)
    return port


def _metrics_port() -> int:
    asked = os.environ.get("QILIN_METRICS_PORT", "")
    if not asked:
        free = _server.is_free(_metrics.DEFAULT_PORT)
        return _metrics.DEFAULT_PORT if free else _server.any_free_port()
    if not asked.isdecimal() or not 1 <= int(asked) <= 65535:
        raise UserError(f"QILIN_METRICS_PORT is {asked!r}, which is no port: set 1 to 65535")
    if not _server.is_free(int(asked)):
        raise EnvironmentFaultError(
            f"port {asked} (QILIN_METRICS_PORT) is in use: stop the program that holds it or unset "
            "the variable, then any free port is taken"
        )
    return int(asked)


def _wait_for_port(process: Lasting, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while _server.is_free(port):
        if process.process() is None or time.monotonic() > deadline:
            said = _processes.last_line(process.log)
            raise EnvironmentFaultError(
                f"the metrics endpoint did not start, saying {said!r}; its log is {process.log}"
            )
        time.sleep(0.1)


def _deploy() -> None:
    """Make the deployments known, from the checkout's root as Prefect's file wants it."""
    words = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", PREFECT_FILE]
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, *words],
        cwd=settings.CHECKOUT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=DEPLOY_TIMEOUT_SECONDS,
        check=False,
    )
    log = _processes.log_path("deploy")
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        raise EnvironmentFaultError(
            f"the deployments of {PREFECT_FILE} could not be registered: "
            f"{_processes.last_line(log)!r}; Prefect's whole answer is in {log}"
        )


def _start_worker(state: _Starting) -> Callable[[], None]:
    """Start the worker, which creates the work pool; gives what waits until it listens."""
    if WORKER_LOG in state.all:
        return lambda: None
    log = _processes.log_path(WORKER_LOG)
    before = log.stat().st_size if log.exists() else 0
    words = ["worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", "qilin"]
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    worker = state.start(WORKER_LOG, command, {**_watchdog.HEARTBEATS, **os.environ})

    def wait() -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while b"started!" not in log.read_bytes()[before:]:
            if worker.process() is None or time.monotonic() > deadline:
                said = _processes.last_line(log)
                raise EnvironmentFaultError(
                    f"the Prefect worker did not start, saying {said!r}; its log is {log}"
                )
            time.sleep(0.1)

    return wait


def _mark_orphans(url: str) -> None:
    """Runs of our pool that nobody works on any more become Crashed."""
    if not _server.answers(url):
        return
    with _server.applied(_server.client_environment(url)):
        from prefect.client.orchestration import get_client
        from prefect.client.schemas import filters
        from prefect.client.schemas.objects import StateType
        from prefect.states import Crashed

        unfinished = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(
                work_pool_filter=filters.WorkPoolFilter(
                    name=filters.WorkPoolFilterName(any_=[WORK_POOL])
                ),
                flow_run_filter=filters.FlowRunFilter(
                    state=filters.FlowRunFilterState(
                        type=filters.FlowRunFilterStateType(any_=unfinished)
                    )
                ),
            )
            for run in runs:
                crashed: Any = Crashed(message="stopped by qilin down; Retry computes the rest")
                client.set_flow_run_state(run.id, crashed, force=True)


def _stop(processes: list[Lasting]) -> int:
    roots = [found for p in processes if (found := p.process()) is not None]
    return _processes.stop_tree(roots)


def _write(path: Path, value: Mapping[str, object]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value, indent=1))
    fresh.replace(path)


def memory_of(processes: tuple[Lasting, ...]) -> int:
    """Bytes held by processes and their descendants."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = process.process()
            family = [root, *root.children(recursive=True)] if root else []
            total += sum(p.memory_info().rss for p in family)
    return total
