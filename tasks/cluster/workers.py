"""Whether the workers of a cluster are what this process is: same code, packages and threads.

Results are found by hashes of code and versions, so a worker with another commit or another NumPy
would store other numbers under the driver's names. Steps refuse such a worker one by one; here it
is told at once, before a night begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tasks.errors import EnvironmentFaultError

#: seconds to wait for the first worker of a cluster
WORKERS_TIMEOUT = 60
#: seconds without any worker after which none is to be expected, by kind of cluster
PATIENCE_SECONDS = {"processes": 90.0, "gpu": 90.0, "address": 600.0}
#: how often a waiting night looks
LOOK_SECONDS = 5.0
#: packages that compute, and those that carry the work
PACKAGES = (
    "numpy", "numba", "pandas", "pyarrow", "scipy", "lightgbm", "xgboost", "torch",
    "dask", "distributed", "cloudpickle", "prefect", "prefect-dask",
)  # fmt: skip
#: more threads than one can change the last bits of a sum
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Facts = dict[str, str]


def require_same(client: Any, where: str, *, wait_seconds: float = WORKERS_TIMEOUT) -> None:
    """Every worker that is there now must be like this process.

    Args:
        client: connected to the cluster.
        where: the cluster, for sentences.
        wait_seconds: how long to wait for a first worker; 0 lets an empty cluster pass, for one
            that adds workers as work comes.

    Raises:
        EnvironmentFaultError: there is no worker, or one differs; names the first difference.
    """
    if wait_seconds:
        _wait_for_one(client, where, wait_seconds)
    look = _looking(PACKAGES, _ONE_THREAD)
    here = look()
    for worker, there in sorted(client.run(look).items()):
        if fault := difference(here, there):
            raise EnvironmentFaultError(f"worker {worker} of {where} {fault}")


class Watch:
    """Notices that a cluster lost its last worker and that none comes: waiting is in vain then.

    Args:
        kind: of the cluster. What this machine starts comes back within seconds, or died of what it
            must load; who starts workers by hand gets longer; what queues them, any time.
    """

    def __init__(self, kind: str) -> None:
        self._patience = PATIENCE_SECONDS.get(kind, float("inf"))
        self._seen = self._looked = time.monotonic()

    def look(self, future: Any) -> None:
        """Ask the cluster for its workers, now and then.

        Args:
            future: of a task that it has.

        Raises:
            EnvironmentFaultError: there has been none for too long.
        """
        now = time.monotonic()
        if self._patience == float("inf") or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            if future.client.nthreads():
                self._seen = now
        except OSError:  # the scheduler is away: what became of its tasks is told with them
            self._seen = now
        if now - self._seen > self._patience:
            raise EnvironmentFaultError(
                f"the cluster has had no worker for {now - self._seen:.0f} s: its workers died "
                "(out of memory?) or were stopped; give them more memory with QILIN_CLUSTER_MEMORY "
                "or start some, then retry"
            )


def difference(here: Facts, there: Facts) -> str:
    """The first thing in which a worker differs, with what to do; empty if it is the same."""
    if not there["code"]:
        return (
            "cannot import the package 'tasks': start workers from the same checkout or image as "
            "this process"
        )
    for name in ("Python", *PACKAGES):
        if here[name] != there[name]:
            return (
                f"has {name} {there[name]} and this process {here[name]}: start workers from the "
                "same image or requirements.lock"
            )
    if here["code"] != there["code"]:
        return (
            f"runs other code than this process ({there['code'][:12]} instead of "
            f"{here['code'][:12]}): restart workers from the same commit"
        )
    for name in _ONE_THREAD:
        if there[name] != "1":
            return (
                f"has {name}={there[name] or '(unset)'}, which can change the last bits of a "
                "number: start it with 1, as `dask worker` does by itself with a nanny"
            )
    return ""


def _wait_for_one(client: Any, where: str, seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError as error:
        raise EnvironmentFaultError(
            f"the cluster at {where} has no workers, {seconds:g} s after it was reached: start "
            "some with `dask worker ADDRESS`"
        ) from error


def _looking(packages: tuple[str, ...], variables: tuple[str, ...]) -> Callable[[], Facts]:
    """A function that travels by value: it must work where nothing of ours can be imported."""

    def look() -> Facts:
        import hashlib
        import importlib.metadata
        import importlib.util
        import os
        import platform
        from pathlib import Path

        found = {name: os.environ.get(name, "") for name in variables}
        found["Python"] = ".".join(platform.python_version_tuple()[:2])
        for name in packages:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = "(absent)"
        digest, files = hashlib.sha256(), 0
        for package in ("tasks", "flows"):
            spec = importlib.util.find_spec(package)
            for root in (spec.submodule_search_locations or ()) if spec else ():
                for path in sorted(Path(root).rglob("*.py")):
                    name = f"{package}/{path.relative_to(root).as_posix()}"
                    digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
                    files += package == "tasks"
        found["code"] = digest.hexdigest() if files else ""
        return found

    return look
