"""The manager: a cluster of this machine, or a running one, behind one object."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any

from tasks.cluster import local
from tasks.errors import EnvironmentFaultError, UserError

#: seconds to reach a running scheduler, and for asked workers to come up
CONNECT_TIMEOUT = 10
WORKERS_TIMEOUT = 60


class DistributedMode(enum.Enum):
    """Where the work runs."""

    LOCAL = "local"
    CLUSTER = "cluster"
    THREADS = "threads"


@dataclasses.dataclass(frozen=True)
class ClusterConfig:
    """What to start or to connect to.

    Attributes:
        mode: LOCAL starts worker processes, THREADS one worker inside this process, CLUSTER uses
            a scheduler that runs already.
        n_workers: processes (LOCAL) or threads (THREADS); all cores by default.
        threads_per_worker: threads of each process; numeric libraries keep to one thread each
            in any case.
        memory_limit: bytes of each worker process; by default an equal share of the machine.
        address: of the scheduler for CLUSTER, `tcp://host:port` or `tls://host:port`.
    """

    mode: DistributedMode = DistributedMode.LOCAL
    n_workers: int | None = None
    threads_per_worker: int = 1
    memory_limit: int | None = None
    address: str = ""

    def __post_init__(self) -> None:
        for name in ("n_workers", "threads_per_worker", "memory_limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"ClusterConfig: {name} is {value}, give at least 1")
        if (self.mode is DistributedMode.CLUSTER) != bool(self.address):
            raise UserError(
                f"ClusterConfig: mode {self.mode.name} "
                + ("takes no address" if self.address else "needs address='tcp://host:port'")
            )

    def plan(self) -> local.ClusterPlan:
        """The same as a plan for `tasks.cluster.local.start`."""
        if self.mode is DistributedMode.CLUSTER:
            return local.cluster_kwargs(self.address)
        kind = "processes" if self.mode is DistributedMode.LOCAL else "threads"
        count = self.n_workers or local.cores()
        if kind == "threads":
            count *= self.threads_per_worker
        plan = local.cluster_kwargs(f"{kind}:{count}", threads_per_worker=self.threads_per_worker)
        if kind == "processes" and self.memory_limit is not None:
            plan["cluster_kwargs"]["memory_limit"] = self.memory_limit
        return plan


class DaskDistributedManager:
    """Starts or joins a cluster; close it with `shutdown()` or use it as a context manager.

    In a script the code that makes one with processes belongs under
    `if __name__ == "__main__":`, because workers import the script again.

    Errors: `EnvironmentFaultError` if the cluster does not start, is not reached, has no workers,
    or its workers do not have Qilin's code.
    """

    def __init__(self, config: ClusterConfig | None = None) -> None:
        self.config = config or ClusterConfig()
        plan = self.config.plan()
        self.cluster: Any = None if plan["address"] else local.start(plan)
        try:
            self.client = _connect(self.cluster or plan["address"], plan["client_kwargs"])
            self._check_workers()
        except BaseException:
            self.shutdown()
            raise

    @property
    def threads(self) -> int:
        """Threads of all workers now."""
        return sum(self.client.nthreads().values())

    def get_dashboard_link(self) -> str:
        """Where Dask's pages are; on 127.0.0.1 for a cluster of this machine, else as it says."""
        if self.cluster is None:
            return str(self.client.dashboard_link or "")
        port = self.cluster.scheduler.services["dashboard"].port
        return f"http://127.0.0.1:{port}/status"

    def scale(self, n_workers: int) -> None:
        """Change the number of workers of a cluster of this machine while it runs."""
        if n_workers < 1:
            raise UserError(f"scale to {n_workers} workers: give at least 1, or call shutdown()")
        if self.cluster is None:
            raise UserError(
                f"the cluster at {self.config.address} runs elsewhere: change its workers there"
            )
        self.cluster.scale(n_workers)
        try:
            self.client.wait_for_workers(n_workers, timeout=WORKERS_TIMEOUT)
        except TimeoutError:
            have = len(self.client.nthreads())
            raise EnvironmentFaultError(
                f"only {have} of {n_workers} workers came up in {WORKERS_TIMEOUT} s: use fewer, or "
                "free memory"
            ) from None

    def flow_through(
        self,
        function: Callable[..., Any],
        items: Sequence[Any],
        *,
        label: str,
        shared: Sequence[Any] = (),
    ) -> tuple[dict[int, Any], dict[int, BaseException]]:
        """See `tasks.cluster.fanout.flow_through`."""
        from tasks.cluster.fanout import flow_through

        return flow_through(self.client, function, items, label=label, shared=shared)

    def shutdown(self) -> None:
        """Leave the cluster, and stop it if it was started here; safe to call twice."""
        client, self.client = getattr(self, "client", None), None
        if client is not None:
            client.close()
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None

    def __enter__(self) -> DaskDistributedManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _check_workers(self) -> None:
        """Workers of a running cluster must be there and hold Qilin's package."""
        if self.cluster is not None:
            return
        found = self.client.run(_has_tasks)
        if not found:
            raise EnvironmentFaultError(
                f"the cluster at {self.config.address} has no workers: start some with "
                f"`dask worker {self.config.address}`"
            )
        lacking = [address for address, has in found.items() if not has]
        if lacking:
            raise EnvironmentFaultError(
                f"worker {lacking[0]} cannot import the package 'tasks': start workers from the "
                "same checkout or image as this process"
            )


def _connect(target: Any, client_kwargs: dict[str, Any]) -> Any:
    import distributed

    make: Any = distributed.Client
    try:
        return make(target, set_as_default=False, timeout=CONNECT_TIMEOUT, **client_kwargs)
    except (OSError, TimeoutError) as error:
        raise EnvironmentFaultError(
            f"the scheduler at {target} was not reached in {CONNECT_TIMEOUT} s "
            f"({type(error).__name__}): check the address, and that it runs"
        ) from error


def _has_tasks() -> bool:
    import importlib.util

    return importlib.util.find_spec("tasks.cluster") is not None
