"""Which cluster to use: from one short text to what Dask needs to start it, on loopback only.

`QILIN_CLUSTER` says `threads`, `threads:4`, `processes`, `processes:2`, `gpu`, the address of a
scheduler, `tcp://host:port` or `tls://host:port`, or any Dask cluster class such as
`class:dask_jobqueue.SLURMCluster`; `tasks.cluster.remote` lists what goes with it. Whoever reaches
a Dask scheduler can run code on its workers: everything started here, HTTP servers included,
listens on 127.0.0.1 alone, and a cluster of several machines belongs behind `tls://`.

One thread per task is the rule: blocks are the parallelism, and BLAS, OpenMP and numba get one
thread each in every worker, because their thread counts can change bits.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from typing import Any, Literal, TypedDict

from tasks.cluster import remote
from tasks.errors import EnvironmentFaultError, MissingPackageError, UserError

VARIABLE = "QILIN_CLUSTER"
LOOPBACK = "127.0.0.1:0"
#: what numeric libraries read when they are loaded; set before the first import of NumPy
THREAD_BUDGET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
#: up to so many cores, threads: kernels release the GIL, and processes cost memory and start time
FEW_CORES = 4
#: share of the machine's memory that worker processes may use together
MEMORY_SHARE = 0.9
MAX_WORKERS = 1024
#: a block goes to so many more workers after the first that died of it: then it is suspected, and
#: the night tries it alone
SECOND_CHANCES = 1
#: What Dask holds is small, so that spilling frees nothing, and a worker that pauses would wait for
#: ever: the memory belongs to tasks that wait for blocks. It goes on up to its limit and is ended.
_NO_PAUSE = {f"distributed.worker.memory.{act}": False for act in ("target", "spill", "pause")}

_KINDS = (
    "threads, threads:4, processes, processes:2, gpu, tcp://host:port, tls://host:port or "
    "class:module.Name"
)
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")

Kind = Literal["threads", "processes", "gpu", "address", "class"]


class ClusterPlan(TypedDict):
    """What to start or to connect to.

    `cluster_class` and `cluster_kwargs` are for a cluster to start, `address` and `client_kwargs`
    for one that runs already; `adapt_kwargs` lets a started one change its size; `env` is the
    thread budget, for this process in the kind `threads` (before NumPy is loaded), for workers
    elsewhere otherwise. `n_workers` is 0 where the running cluster or the class decides.
    """

    kind: Kind
    n_workers: int
    threads_per_worker: int
    address: str
    cluster_class: str
    cluster_kwargs: dict[str, Any]
    client_kwargs: dict[str, Any]
    adapt_kwargs: dict[str, int]
    env: dict[str, str]


def cluster_kwargs(spec: str | None = None, *, threads_per_worker: int = 1) -> ClusterPlan:
    """The plan for a text; `QILIN_CLUSTER`, else the default for this machine, without one.

    Starts nothing. `threads_per_worker` applies to `processes`; more than one shares a process
    among kernels, which release the GIL.

    Errors: `UserError` for a text that is none of the forms.
    """
    text = (spec if spec is not None else os.environ.get(VARIABLE, "")).strip() or default_spec()
    if "://" in text:
        return _running(text)
    if text.startswith("class:"):
        return _of_class(text)
    kind, _, number = text.partition(":")
    if kind == "gpu" and not number:
        return _gpus()
    if kind not in ("threads", "processes"):
        raise UserError(f"{VARIABLE} {text!r} is no cluster: choose {_KINDS}")
    count = _count(text, number) if ":" in text else cores()
    if kind == "threads":
        return _plan("threads", 1, count, _threads(count))
    return _plan("processes", count, threads_per_worker, _processes(count, threads_per_worker))


def at_once() -> int:
    """Blocks that the configured cluster works on at a time; 1 where only it knows."""
    plan = cluster_kwargs()
    return max(1, plan["n_workers"] * plan["threads_per_worker"])


def without_profiler() -> None:
    """Keep the workers that this process starts from sampling their own stacks.

    Dask does so a hundred times a second and keeps an hour of it: hundreds of megabytes in a long
    sweep, and time that the kernels could use.
    """
    import dask

    dask.config.set({"distributed.worker.profile.enabled": False})


def default_spec() -> str:
    """Threads on few cores, else one process per core."""
    found = cores()
    return f"threads:{found}" if found <= FEW_CORES else f"processes:{found}"


def cores() -> int:
    """Cores that this process may use; containers' limits count."""
    from dask.system import CPU_COUNT

    return max(1, int(CPU_COUNT))


def start(plan: ClusterPlan) -> Any:
    """Start the cluster of a plan (not of an address).

    Errors: `EnvironmentFaultError` if the machine does not let it.
    """
    without_profiler()
    module, _, name = plan["cluster_class"].rpartition(".")
    make = getattr(importlib.import_module(module), name)
    try:
        cluster = make(**plan["cluster_kwargs"])
        if plan["adapt_kwargs"]:
            cluster.adapt(**plan["adapt_kwargs"])
    except TypeError as error:
        if plan["kind"] != "class":
            raise
        raise UserError(
            f"{plan['cluster_class']} does not take these arguments ({error}): correct "
            f"{remote.KWARGS}"
        ) from error
    except (OSError, RuntimeError) as error:
        what = f"the {plan['kind']} cluster with {plan['n_workers']} workers"
        raise not_started(what, error) from error
    return cluster


def not_started(what: str, error: BaseException) -> EnvironmentFaultError:
    """What to say of a cluster that did not come up."""
    cause = " ".join(str(_first_cause(error)).split())[:300]
    return EnvironmentFaultError(
        f"{what} could not start ({cause}): free the port or memory it names, give workers more "
        f"memory with {remote.MEMORY} or use fewer of them in {VARIABLE}, and keep the code that "
        "starts it under `if __name__ == '__main__':` in a script"
    )


def _plan(kind: Kind, workers: int, threads: int, kwargs: dict[str, Any]) -> ClusterPlan:
    return ClusterPlan(
        kind=kind,
        n_workers=workers,
        threads_per_worker=threads,
        address="",
        cluster_class="distributed.LocalCluster",
        cluster_kwargs=kwargs,
        client_kwargs={},
        adapt_kwargs={} if kind == "address" else _adaption(kind),
        env=dict(THREAD_BUDGET),
    )


def _threads(count: int) -> dict[str, Any]:
    # No `host`: together with processes=False it breaks Dask's in-process transport. No memory
    # limit: a worker that pauses inside the driver's own process would stop the night.
    return {
        "processes": False,
        "n_workers": 1,
        "threads_per_worker": count,
        "memory_limit": None,
        **_loopback(),
    }


def _processes(count: int, threads: int) -> dict[str, Any]:
    from distributed.system import MEMORY_LIMIT

    return {
        "processes": True,
        "n_workers": count,
        "threads_per_worker": threads,
        "host": "127.0.0.1",
        "scheduler_kwargs": {"allowed_failures": SECOND_CHANCES},
        "memory_limit": remote.worker_memory() or int(MEMORY_LIMIT * MEMORY_SHARE / count),
        "config": _NO_PAUSE,
        "env": dict(THREAD_BUDGET),
        **_loopback(),
    }


def _gpus() -> ClusterPlan:
    if importlib.util.find_spec("dask_cuda") is None:
        raise MissingPackageError(
            f"{VARIABLE} gpu needs dask-cuda, which is not installed: pip install 'qilin[gpu]', or "
            "choose threads or processes"
        )
    plan = _plan("gpu", 0, 1, {"env": dict(THREAD_BUDGET), "host": "127.0.0.1", **_loopback()})
    plan["cluster_class"] = "dask_cuda.LocalCUDACluster"
    return plan


def _of_class(text: str) -> ClusterPlan:
    """What the class starts by itself is its own affair; its ports and its threads are, too."""
    plan = _plan("class", 0, 0, remote.class_arguments())
    plan["cluster_class"] = remote.cluster_class(text)
    return plan


def _adaption(kind: Kind) -> dict[str, int]:
    wanted = remote.adaption()
    if wanted and kind not in ("processes", "class"):
        raise UserError(
            f"{remote.ADAPT} is set, and a cluster of kind {kind} has a fixed size: unset it, or "
            f"choose processes or class:module.Name in {VARIABLE}"
        )
    return wanted


def _loopback() -> dict[str, Any]:
    # Without an address of its own the worker's HTTP server listens on every interface.
    return {"dashboard_address": LOOPBACK, "worker_dashboard_address": LOOPBACK}


def _running(text: str) -> ClusterPlan:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[3]) <= 65535:
        raise UserError(f"{VARIABLE} {text!r} is no address of a scheduler: choose {_KINDS}")
    plan = _plan("address", 0, 0, {})
    plan["cluster_class"] = ""
    plan["address"] = text
    if match[1] == "tls":
        plan["client_kwargs"] = {"security": remote.security(text)}
    return plan


def _count(text: str, number: str) -> int:
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= MAX_WORKERS):
        raise UserError(
            f"{VARIABLE} {text!r} has no worker count from 1 to {MAX_WORKERS}: choose {_KINDS}"
        )
    return int(number)


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
