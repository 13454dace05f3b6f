"""What `qilin doctor` looks at: each check reads something, changes nothing, and says one thing.

A check gives its state, what was found (and needed), and for everything that is not well the
command that mends it. States: PASS, WARN, FAIL, and SKIP for what is not used here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from flows import _kernel_proofs, _metrics, _server, _up
from tasks import settings
from tasks.errors import QilinError

if TYPE_CHECKING:
    from tasks.data.config import DataConfig
    from tasks.report.states import State

CODE_DATA, CODE_ENVIRONMENT = 4, 5
GIB = 2**30
#: a full night of 5,000 stocks writes well below this; a night of the simulated market 50 MB
DISK_NEEDED_GIB, DISK_WISHED_GIB = 1, 5
MEMORY_NEEDED_GIB, MEMORY_WISHED_GIB = 1, 3


@dataclasses.dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: one word.
        state: of the report's vocabulary.
        found: the value, and the value needed where it is not met.
        fix: command or act that mends it; empty if all is well.
        code: exit code if it failed.
    """

    name: str
    state: State
    found: str
    fix: str = ""
    code: int = CODE_ENVIRONMENT


def all_checks(data: DataConfig, simulator: bool = False) -> Iterator[Check]:
    """Every check in turn; a check that cannot be made fails with its reason."""
    url = _server.any_url()
    wanted: list[tuple[str, Callable[[], Check]]] = [
        ("python", python),
        ("packages", packages),
        ("prefect", lambda: prefect(url)),
        ("worker", lambda: worker(url)),
        ("store", store),
        ("disk", disk),
        ("memory", memory),
        ("cores", cores),
        ("gpu", gpu),
        ("data", lambda: bars(data)),
        ("metrics", metrics),
        ("alerts", alerts),
    ]
    for name, check in wanted:
        try:
            yield check()
        except QilinError as error:
            yield Check(name, "FAIL", str(error), code=error.exit_code)
        if name == "gpu":
            yield from kernels(simulator)


def python() -> Check:
    """Python's version."""
    found = ".".join(str(n) for n in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Check("python", "PASS", found)
    return Check("python", "FAIL", f"{found}, needed 3.11 to 3.13", "make setup PYTHON=python3.12")


def packages() -> Check:
    """Installed versions against requirements.lock."""
    lock = settings.CHECKOUT / "requirements.lock"
    if not lock.is_file():
        return Check("packages", "SKIP", "no requirements.lock beside the code")
    missing, other, count = [], [], 0
    for name, pinned in _pins(lock):
        count += 1
        try:
            installed = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if installed.partition("+")[0] != pinned:
            other.append(f"{name} {installed} (lock: {pinned})")
    if missing:
        found = f"{len(missing)} of {count} missing: {', '.join(missing[:3])}"
        return Check("packages", "FAIL", found, "make setup")
    if other:
        return Check(
            "packages", "WARN", f"{len(other)} differ: {', '.join(other[:3])}", "make setup"
        )
    return Check("packages", "PASS", f"{count} as in requirements.lock")


def _pins(lock: Path) -> Iterator[tuple[str, str]]:
    """Name and version of each line that is meant for this Python and system."""
    from packaging.requirements import Requirement

    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted.name, str(wanted.specifier).removeprefix("==")


def prefect(url: str) -> Check:
    """Whether a server answers, and whether its version is ours."""
    ours = version("prefect")
    configured = _server.configured_url()
    if configured and not url:
        found = f"{configured} (PREFECT_API_URL or profile) does not answer"
        return Check("prefect", "FAIL", found, "start it, or: unset PREFECT_API_URL")
    if not url:
        return Check("prefect", "PASS", f"client {ours}; no server runs, nights start their own")
    theirs = str(_server.ask(url, "/admin/version"))
    found = f"server {theirs}, client {ours}, {url}"
    same = theirs.split(".")[:2] == ours.split(".")[:2]
    return Check("prefect", "PASS" if same else "WARN", found, "" if same else "make setup")


def worker(url: str) -> Check:
    """Whether a worker of our pool is online, for scheduled nights and Retry in the UI."""
    online = []
    if url:
        pools = _server.ask(url, "/work_pools/filter", {"limit": 200})
        if any(pool["name"] == _up.WORK_POOL for pool in pools):
            workers = _server.ask(url, f"/work_pools/{_up.WORK_POOL}/workers/filter", {})
            online = [w for w in workers if w.get("status") == "ONLINE"]
    if online:
        return Check("worker", "PASS", f"{len(online)} online in pool {_up.WORK_POOL}")
    running = _up.running()
    if running is not None and len(running.alive()) < len(running.processes):
        dead = {p.name for p in running.processes} - {p.name for p in running.alive()}
        return Check("worker", "FAIL", f"ended by itself: {', '.join(sorted(dead))}", "qilin up")
    return Check("worker", "SKIP", "none; scheduled nights need one: qilin up")


def store() -> Check:
    """Whether the store can be written; asked of the file system, nothing is written."""
    root = settings.home()
    if "://" in root:
        import fsspec

        try:
            fs, path = fsspec.core.url_to_fs(root)
            fs.exists(path)
        except (OSError, ImportError, ValueError) as error:
            return Check("store", "FAIL", f"{root}: {error}", "fix QILIN_HOME and its credentials")
        return Check("store", "PASS", f"{root} answers")
    place = _existing(Path(root))
    if os.access(place, os.W_OK | os.X_OK):
        return Check("store", "PASS", f"{root} can be written")
    return Check("store", "FAIL", f"{place} cannot be written", f"chmod u+wx {place}")


def disk() -> Check:
    """Free space where the store lies."""
    free = shutil.disk_usage(_existing(settings.local_home())).free / GIB
    found = f"{free:.1f} GiB free"
    fix = "free space, or set QILIN_HOME to a larger disk"
    return _amount("disk", free, found, DISK_NEEDED_GIB, DISK_WISHED_GIB, fix)


def memory() -> Check:
    """Memory that can be had now."""
    state = psutil.virtual_memory()
    free = state.available / GIB
    found = f"{free:.1f} of {state.total / GIB:.1f} GiB available"
    fix = "end other programs, or run: qilin nightly --size small"
    return _amount("memory", free, found, MEMORY_NEEDED_GIB, MEMORY_WISHED_GIB, fix)


def _amount(name: str, free: float, found: str, needed: int, wished: int, fix: str) -> Check:
    if free >= wished:
        return Check(name, "PASS", found)
    state: State = "FAIL" if free < needed else "WARN"
    return Check(name, state, f"{found}, needed {wished} GiB", fix)


def cores() -> Check:
    """Cores of this process, and the cluster that a night would use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cluster = os.environ.get("QILIN_CLUSTER", "") or "threads of the night's own process"
    return Check("cores", "PASS", f"{usable}; cluster: {cluster}")


def gpu() -> Check:
    """The device that `auto` takes here, and why."""
    from tasks.arrays.devices import GPUBackend, GPUUtils, why_unavailable

    devices = GPUUtils.get_gpu_info()
    lack = why_unavailable(GPUBackend.CUPY)
    if lack is None:
        names = ", ".join(f"{d.name} ({d.total_memory / GIB:.0f} GiB)" for d in devices)
        return Check("gpu", "PASS", names)
    if devices:
        return Check("gpu", "WARN", f"{devices[0].name}, not used: {lack}", "make setup DEVICE=gpu")
    return Check("gpu", "SKIP", f"{lack}; nights run on the CPU, results are equal")


def kernels(simulator: bool) -> Iterator[Check]:
    """What the device makes of each group of kernels, compared with the CPU."""
    from tasks.arrays import parity
    from tasks.arrays.devices import GPUBackend, why_unavailable

    lack = None if simulator else why_unavailable(GPUBackend.CUPY)
    if lack is not None:
        found = f"not compared: {lack}; qilin doctor --simulator compares them without a GPU"
        yield Check("kernels", "SKIP", found)
        return
    where = "simulator" if simulator else "GPU"
    for proof in _kernel_proofs.prove(simulator):
        if proof.fault:
            found = f"{proof.group}: not compared ({proof.fault}); the CPU does their work"
            yield Check("kernels", "WARN", found, "make setup DEVICE=gpu, and the driver's log")
            continue
        found = f"{proof.group}: {proof.kernels} on the {where} as on the CPU, "
        found += f"worst {proof.ulps:.3g} ULP ({proof.worst})"
        if proof.refused:
            found = f"{proof.group}: {', '.join(proof.refused)} differ by up to {proof.ulps:.3g} "
            found += f"ULP ({proof.worst}), {parity.BOUND:.0f} are allowed; the CPU does their work"
        yield Check("kernels", "WARN" if proof.refused else "PASS", found)


def bars(data: DataConfig) -> Check:
    """Whether the source can be read and has the last session that closed."""
    from tasks.data.sources import registry
    from tasks.market import calendar

    expected = calendar.last_closed_session(dt.datetime.now(dt.UTC))
    newest = registry.newest_session(data)
    found = f"{data.source}: newest day {newest}"
    if newest >= expected:
        return Check("data", "PASS", found)
    fix = f"update {data.path}, or run on what is there: qilin nightly --data-date {newest}"
    return Check("data", "FAIL", f"{found}, expected {expected}", fix, CODE_DATA)


def metrics() -> Check:
    """Whether the metrics endpoint runs, or its port could be opened."""
    running = _up.running()
    if running is not None and _up.METRICS_LOG in {p.name for p in running.alive()}:
        return Check("metrics", "PASS", running.metrics)
    asked = os.environ.get("QILIN_METRICS_PORT", "")
    port = int(asked) if asked.isdecimal() else _metrics.DEFAULT_PORT
    if _server.is_free(port):
        return Check("metrics", "PASS", f"port {port} is free")
    found = f"port {port} is in use by another program"
    fix = "qilin up takes any free port; or set QILIN_METRICS_PORT"
    return Check("metrics", "FAIL" if asked else "WARN", found, fix)


def alerts() -> Check:
    """Which channels alerts go to; nothing is sent."""
    from tasks.monitor.senders import senders_from

    names = [sender.name for sender in senders_from(os.environ)]
    if names:
        return Check("alerts", "PASS", f"to {', '.join(names)}")
    fix = "set QILIN_ALERT_WEBHOOK, or the DingTalk, WeCom or Feishu settings"
    return Check("alerts", "WARN", "no channel is set: alerts stay in the outbox", fix)


def _existing(path: Path) -> Path:
    """The path or its nearest parent that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
