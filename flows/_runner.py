"""Which DaskTaskRunner spreads the tasks: from `QILIN_CLUSTER`, fixed when a flow is loaded."""

from __future__ import annotations

from prefect_dask.task_runners import DaskTaskRunner

from tasks.cluster.local import cluster_kwargs


def task_runner() -> DaskTaskRunner:
    """A runner for the configured cluster; by default what is fastest on this machine.

    Raises:
        UserError: `QILIN_CLUSTER` is no cluster.
    """
    plan = cluster_kwargs()
    if plan["kind"] == "address":
        return DaskTaskRunner(address=plan["address"], client_kwargs=plan["client_kwargs"])
    return DaskTaskRunner(
        cluster_class=plan["cluster_class"],
        cluster_kwargs=plan["cluster_kwargs"],
        client_kwargs=plan["client_kwargs"],
    )
