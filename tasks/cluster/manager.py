"""The manager: a cluster of this machine, or a running one, behind one object."""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.cluster import local, workers
from tasks.errors import EnvironmentFaultError, UserError

#: seconds to reach a running scheduler, and for asked workers to come up or to leave
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
        address: for CLUSTER, of the scheduler, `tcp://host:port` or `tls://host:port`; or a
            cluster class that starts one, such as `class:dask_jobqueue.SLURMCluster`.
        options: arguments of that class; by default those of `QILIN_CLUSTER_KWARGS`.
    """

    mode: DistributedMode = DistributedMode.LOCAL
    n_workers: int | None = None
    threads_per_worker: int = 1
    memory_limit: int | None = None
    address: str = ""
    options: Mapping[str, Any] | None = None

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
            plan = local.cluster_kwargs(self.address)
            if self.options is not None:
                plan["cluster_kwargs"] = dict(self.options)
            return plan
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
        plan = self._plan = self.config.plan()
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
        if self.cluster is None or self._elsewhere:
            return str(self.client.dashboard_link or "")
        port = self.cluster.scheduler.services["dashboard"].port
        return f"http://127.0.0.1:{port}/status"

    def scale(self, n_workers: int) -> None:
        """Change the number of workers of a cluster that was started here, while it runs.

        What a worker that leaves has computed is handed to the others first.
        """
        if n_workers < 1:
            raise UserError(f"scale to {n_workers} workers: give at least 1, or call shutdown()")
        if self.cluster is None:
            raise UserError(
                f"the cluster at {self.config.address} runs elsewhere: change its workers there"
            )
        self.cluster.scale(n_workers)
        self._wait_for(n_workers)

    def adapt(self, minimum: int, maximum: int) -> None:
        """Let Dask add workers while tasks wait and remove idle ones, between two counts."""
        if not 0 <= minimum <= maximum or maximum < 1:
            raise UserError(
                f"adapt from {minimum} to {maximum} workers: give a least number of 0 or more and "
                "a most number of 1 or more that is not below it"
            )
        if self.cluster is None:
            raise UserError(
                f"the cluster at {self.config.address} runs elsewhere: let it change its size there"
            )
        self.cluster.adapt(minimum=minimum, maximum=maximum)

    def _wait_for(self, n_workers: int) -> None:
        deadline = time.monotonic() + WORKERS_TIMEOUT
        while len(self.client.nthreads()) > n_workers and time.monotonic() < deadline:
            time.sleep(0.05)
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

    @property
    def _elsewhere(self) -> bool:
        """Whether workers may be another machine's."""
        return self.config.mode is DistributedMode.CLUSTER

    def _check_workers(self) -> None:
        """Workers of another machine must be there and be like this process."""
        if not self._elsewhere:
            return
        grows = self._plan["adapt_kwargs"].get("minimum") == 0
        wait = 0 if grows else workers.WORKERS_TIMEOUT
        workers.require_same(self.client, self.config.address, wait_seconds=wait)


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
