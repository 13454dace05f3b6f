"""Which DaskTaskRunner spreads the tasks: from `QILIN_CLUSTER`, fixed when a flow is loaded."""

from __future__ import annotations

from typing import Any

from prefect_dask.task_runners import DaskTaskRunner

from tasks.cluster import workers
from tasks.cluster.local import cluster_kwargs, not_started, without_profiler

#: seconds for the first worker of a queue or a cloud to start
PATIENCE_SECONDS = 600.0
_THIS_MACHINE = "distributed.LocalCluster"


class CheckedDaskTaskRunner(DaskTaskRunner):
    """A runner that begins only if the workers are like the driver: code, packages, threads."""

    @property
    def client(self) -> Any:
        """The connected client; workers of other machines are looked at once, at its start."""
        fresh = self._client is None
        try:
            found = super().client
        except RuntimeError as error:
            if self.address or not fresh:
                raise
            what = f"the cluster of {self.cluster_kwargs.get('n_workers', 'some')} workers"
            raise not_started(what, error) from error
        if fresh and (self.address or self.cluster_class != _THIS_MACHINE):
            where = self.address or str(self.cluster_class)
            patience = workers.WORKERS_TIMEOUT if self.address else PATIENCE_SECONDS
            grows = self.adapt_kwargs.get("minimum") == 0
            workers.require_same(found, where, wait_seconds=0 if grows else patience)
        return found

    def __exit__(self, *how: Any) -> None:
        """End the cluster; one that takes too long ends with this process, and costs no night."""
        try:
            super().__exit__(*how)
        except TimeoutError:
            self.logger.warning("a worker did not end in time: it ends with this process")
            self._started = False


def task_runner() -> DaskTaskRunner:
    """A runner for the configured cluster; by default what is fastest on this machine.

    Raises:
        UserError: `QILIN_CLUSTER` is no cluster.
    """
    plan = cluster_kwargs()
    without_profiler()
    if plan["kind"] == "address":
        return CheckedDaskTaskRunner(address=plan["address"], client_kwargs=plan["client_kwargs"])
    return CheckedDaskTaskRunner(
        cluster_class=plan["cluster_class"],
        cluster_kwargs=plan["cluster_kwargs"],
        client_kwargs=plan["client_kwargs"],
        adapt_kwargs=plan["adapt_kwargs"],
    )
