import gc
import socket
import subprocess
import sys

import psutil
import pytest

from tasks.cluster import local
from tasks.cluster.local import THREAD_BUDGET, cluster_kwargs, default_spec, start
from tasks.errors import EnvironmentFaultError, MissingPackageError, UserError


def test_threads_share_this_process():
    plan = cluster_kwargs("threads:4")
    assert (plan["kind"], plan["n_workers"], plan["threads_per_worker"]) == ("threads", 1, 4)
    assert plan["cluster_class"] == "distributed.LocalCluster"
    assert plan["cluster_kwargs"]["processes"] is False
    assert "host" not in plan["cluster_kwargs"], "it breaks Dask's in-process transport"
    assert plan["cluster_kwargs"]["memory_limit"] is None
    assert plan["env"] == THREAD_BUDGET


def test_processes_get_their_budget_of_threads_and_memory():
    plan = cluster_kwargs("processes:3", threads_per_worker=2)
    assert (plan["kind"], plan["n_workers"], plan["threads_per_worker"]) == ("processes", 3, 2)
    kwargs = plan["cluster_kwargs"]
    assert kwargs["env"] == THREAD_BUDGET
    assert kwargs["host"] == "127.0.0.1"
    assert 3 * kwargs["memory_limit"] < psutil.virtual_memory().total


def test_a_running_scheduler_is_an_address():
    plan = cluster_kwargs("tcp://scheduler:8786")
    assert plan["kind"] == "address"
    assert plan["address"] == "tcp://scheduler:8786"
    assert plan["cluster_class"] == ""
    assert plan["client_kwargs"] == {}


def test_tls_needs_certificates(tmp_path):
    import dask

    with pytest.raises(UserError, match="QILIN_CLUSTER_TLS_CA"):
        cluster_kwargs("tls://scheduler:8786")
    with dask.config.set({"distributed.comm.tls.ca-file": str(tmp_path / "ca.pem")}):
        security = cluster_kwargs("tls://scheduler:8786")["client_kwargs"]["security"]
    assert security.require_encryption


@pytest.mark.parametrize(
    "spec",
    [
        "thread", "threads:", "threads:0", "threads:-1", "threads:two", "threads:1:2",
        "processes:99999", "gpu:1", "http://a:1", "tcp://a", "tcp://a:0", "tcp://a:99999",
        "tcp://user@a:1", "tcp://a:1/x", "²", "threads:²",
    ],
)  # fmt: skip
def test_a_wrong_text_is_named(spec):
    with pytest.raises(UserError) as error:
        cluster_kwargs(spec)
    assert repr(spec) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_environment_speaks_where_nothing_is_given(monkeypatch):
    monkeypatch.setenv("QILIN_CLUSTER", " processes:2 ")
    assert cluster_kwargs()["n_workers"] == 2
    monkeypatch.setenv("QILIN_CLUSTER", "")
    assert cluster_kwargs() == cluster_kwargs(default_spec())


@pytest.mark.parametrize(
    ("found", "spec"), [(1, "threads:1"), (4, "threads:4"), (5, "processes:5")]
)
def test_the_default_follows_the_cores(monkeypatch, found, spec):
    monkeypatch.setattr(local, "cores", lambda: found)
    assert default_spec() == spec


def test_a_gpu_cluster_names_what_is_missing():
    if local.importlib.util.find_spec("dask_cuda"):
        assert cluster_kwargs("gpu")["cluster_class"] == "dask_cuda.LocalCUDACluster"
        return
    with pytest.raises(MissingPackageError, match="dask-cuda"):
        cluster_kwargs("gpu")


def listening():
    """Addresses that this process and its children listen on."""
    me = psutil.Process()
    return {
        c.laddr.ip
        for p in [me, *me.children(recursive=True)]
        for c in p.net_connections(kind="tcp")
        if c.status == psutil.CONN_LISTEN
    }


def test_a_cluster_in_this_process_listens_on_loopback_alone():
    with start(cluster_kwargs("threads:2")):
        assert listening() <= {"127.0.0.1"}


# tornado drops a socket that it could not bind without closing it; collected here, not later
@pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_port_in_use_is_the_machines_fault():
    with socket.create_server(("127.0.0.1", 0)) as held:
        plan = cluster_kwargs("threads:1")
        plan["cluster_kwargs"] |= {
            "protocol": "tcp", "host": "127.0.0.1", "scheduler_port": held.getsockname()[1],
        }  # fmt: skip
        with pytest.raises(EnvironmentFaultError, match=r"threads cluster .* could not start"):
            start(plan)
    gc.collect()


def test_planning_loads_no_prefect_and_starts_nothing():
    code = (
        "import sys, tasks.cluster, tasks.cluster.local as l, tasks.cluster.fanout; "
        "l.cluster_kwargs('threads:2'); "
        "bad = {'prefect', 'distributed', 'torch', 'lightgbm', 'numba'} & set(sys.modules); "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["threads:1", "processes:1"])
def test_workers_do_not_sample_their_own_stacks(kind):
    from distributed import Client

    with start(cluster_kwargs(kind)) as cluster, Client(cluster) as client:
        (callbacks,) = client.run(lambda dask_worker: set(dask_worker.periodic_callbacks)).values()
    assert callbacks
    assert not callbacks & {"profile", "profile-cycle"}
