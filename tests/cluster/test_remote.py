"""Clusters from the environment: TLS, any class, scaling; workers that are not like the driver."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tasks import settings
from tasks.cluster import ClusterConfig, DaskDistributedManager, DistributedMode, remote, workers
from tasks.cluster.local import cluster_kwargs, start
from tasks.errors import EnvironmentFaultError, MissingPackageError, UserError

CERTIFICATES = settings.CHECKOUT / "deployments" / "dask" / "certificates.sh"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in list(os.environ):
        if name.startswith("QILIN_CLUSTER"):
            monkeypatch.delenv(name)


@pytest.fixture
def certificates(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["sh", CERTIFICATES, tmp_path / "tls", "scheduler"], check=True)
    return tmp_path / "tls"


def trust(monkeypatch, folder):
    for field, file in (("CA", "ca.pem"), ("CERT", "node.pem"), ("KEY", "node.key")):
        monkeypatch.setenv(f"QILIN_CLUSTER_TLS_{field}", str(folder / file))


def test_certificates_are_made_once_and_for_the_owner_alone(certificates):
    first = (certificates / "node.pem").read_bytes()
    assert {path.stat().st_mode & 0o077 for path in certificates.iterdir()} == {0}
    subprocess.run(["sh", CERTIFICATES, certificates], check=True)
    assert (certificates / "node.pem").read_bytes() == first


def test_tls_from_the_environment(monkeypatch, certificates):
    trust(monkeypatch, certificates)
    security = cluster_kwargs("tls://scheduler:8786")["client_kwargs"]["security"]
    assert security.require_encryption
    assert security.get_connection_args("client")["ssl_context"] is not None
    monkeypatch.delenv("QILIN_CLUSTER_TLS_KEY")
    with pytest.raises(UserError, match="QILIN_CLUSTER_TLS_KEY is not set"):
        cluster_kwargs("tls://scheduler:8786")
    monkeypatch.setenv("QILIN_CLUSTER_TLS_KEY", "/nowhere/key.pem")
    with pytest.raises(UserError, match="/nowhere/key"):
        cluster_kwargs("tls://scheduler:8786")


def test_any_class_with_its_arguments(monkeypatch):
    monkeypatch.setenv("QILIN_CLUSTER", "class:distributed.LocalCluster")
    monkeypatch.setenv("QILIN_CLUSTER_KWARGS", '{"n_workers": 1, "processes": false}')
    monkeypatch.setenv("QILIN_CLUSTER_ADAPT", "0:3")
    plan = cluster_kwargs()
    assert plan["kind"] == "class"
    assert plan["cluster_class"] == "distributed.LocalCluster"
    assert plan["cluster_kwargs"] == {"n_workers": 1, "processes": False}
    assert plan["adapt_kwargs"] == {"minimum": 0, "maximum": 3}


@pytest.mark.parametrize(
    ("spec", "error", "text"),
    [
        ("class:LocalCluster", UserError, "names no class"),
        ("class:os.system; x", UserError, "names no class"),
        ("class:distributed.NoSuch", UserError, "has no class NoSuch"),
        ("class:no_such_package.Cluster", MissingPackageError, "no_such_package"),
    ],
)
def test_a_wrong_class_is_named(spec, error, text):
    with pytest.raises(error, match=text):
        cluster_kwargs(spec)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"asynchronous": true}'])
def test_wrong_arguments_are_named(monkeypatch, text):
    monkeypatch.setenv(remote.KWARGS, text)
    with pytest.raises(UserError, match=remote.KWARGS):
        cluster_kwargs("class:distributed.LocalCluster")


def test_arguments_that_the_class_does_not_take_are_the_users_fault(monkeypatch):
    monkeypatch.setenv(remote.KWARGS, '{"coores": 8}')
    with pytest.raises(UserError, match="coores"):
        start(cluster_kwargs("class:distributed.SpecCluster"))


@pytest.mark.parametrize("text", ["4", "3:1", "0:0", "-1:2", "a:b", "1:2:3", "²:3"])
def test_a_wrong_range_is_named(monkeypatch, text):
    monkeypatch.setenv(remote.ADAPT, text)
    with pytest.raises(UserError, match=remote.ADAPT):
        cluster_kwargs("processes:2")


@pytest.mark.parametrize("spec", ["threads:2", "threads"])
def test_threads_keep_their_number(monkeypatch, spec):
    monkeypatch.setenv(remote.ADAPT, "1:2")
    with pytest.raises(UserError, match="fixed size"):
        cluster_kwargs(spec)


def test_memory_of_a_worker(monkeypatch):
    monkeypatch.setenv(remote.MEMORY, "3GiB")
    assert cluster_kwargs("processes:2")["cluster_kwargs"]["memory_limit"] == 3 * 2**30
    for wrong in ("much", "1kB", "-4GiB"):
        monkeypatch.setenv(remote.MEMORY, wrong)
        with pytest.raises(UserError, match=remote.MEMORY):
            cluster_kwargs("processes:2")


def facts(**changes):
    same = dict.fromkeys(workers.PACKAGES, "1.0")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**same, **threads, "Python": "3.12", "code": "abc", **changes}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"code": ""}, "cannot import the package 'tasks'"),
        ({"numpy": "0.9"}, "has numpy 0.9 and this process 1.0"),
        ({"Python": "3.11"}, "has Python 3.11"),
        ({"code": "abd"}, "other code than this process"),
        ({"OMP_NUM_THREADS": ""}, r"OMP_NUM_THREADS=\(unset\)"),
    ],
)
def test_a_worker_that_differs_is_told_in_one_sentence(changes, text):
    assert workers.difference(facts(), facts()) == ""
    assert re.search(text, workers.difference(facts(), facts(**changes)))


def daemon(tmp_path, *words, **environment):
    """A scheduler or a worker, started by hand from another folder."""
    log = (tmp_path / f"{words[0]}-{time.monotonic_ns()}.log").open("wb")
    env = {**os.environ, "PYTHONPATH": str(settings.CHECKOUT), **environment}
    command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
    process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=tmp_path)
    log.close()
    return process


@pytest.fixture
def secure_cluster(tmp_path, certificates, monkeypatch):
    """A scheduler that takes TLS alone; gives its address and a function that adds a worker."""
    trust(monkeypatch, certificates)
    address_file = tmp_path / "scheduler.json"
    pair = ["--tls-ca-file", f"{certificates}/ca.pem", "--tls-cert", f"{certificates}/node.pem"]
    pair += ["--tls-key", f"{certificates}/node.key"]
    loopback = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    encrypted = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}
    started = [
        daemon(
            tmp_path, "scheduler", "--protocol", "tls", "--port", "0", "--scheduler-file",
            str(address_file), *loopback, *pair, **encrypted,
        )
    ]  # fmt: skip
    deadline = time.monotonic() + 60
    while not address_file.exists() or not address_file.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    address = json.loads(address_file.read_text())["address"]

    def add_worker(*words, **environment):
        started.append(
            daemon(
                tmp_path, "worker", address, "--nthreads", "1", *loopback, *pair, *words,
                **encrypted, **environment,
            )
        )  # fmt: skip

    yield address, add_worker
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(timeout=30)


def square(number):
    return number * number


@pytest.mark.slow
def test_a_cluster_behind_tls(secure_cluster, monkeypatch):
    address, add_worker = secure_cluster
    assert address.startswith("tls://127.0.0.1:")
    add_worker()
    config = ClusterConfig(mode=DistributedMode.CLUSTER, address=address)
    with DaskDistributedManager(config) as manager:
        results, errors = manager.flow_through(square, [1, 2, 3], label="square")
        assert (results, errors) == ({0: 1, 1: 4, 2: 9}, {})
        add_worker()  # joins while the manager works
        manager.client.wait_for_workers(2, timeout=60)
        assert manager.threads == 2
        with pytest.raises(UserError, match="runs elsewhere"):
            manager.scale(1)
    plain = ClusterConfig(mode=DistributedMode.CLUSTER, address=address.replace("tls", "tcp"))
    with pytest.raises(EnvironmentFaultError, match="was not reached"):
        DaskDistributedManager(plain)


@pytest.mark.slow
def test_a_foreign_worker_is_refused_at_the_start(secure_cluster, tmp_path):
    address, add_worker = secure_cluster
    other = tmp_path / "other"
    for package in ("tasks", "flows"):
        shutil.copytree(settings.CHECKOUT / package, other / package)
    (other / "tasks" / "another.py").write_text('"""Of another commit."""\n')
    add_worker(PYTHONPATH=str(other))
    config = ClusterConfig(mode=DistributedMode.CLUSTER, address=address)
    with pytest.raises(EnvironmentFaultError, match="other code than this process") as error:
        DaskDistributedManager(config)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_class_starts_its_cluster_which_grows_and_shrinks():
    options = {"n_workers": 1, "threads_per_worker": 1, "host": "127.0.0.1"}
    options |= {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    config = ClusterConfig(
        mode=DistributedMode.CLUSTER, address="class:distributed.LocalCluster", options=options
    )
    with DaskDistributedManager(config) as manager:
        assert manager.threads == 1
        manager.scale(2)
        assert manager.threads == 2
        results, _ = manager.flow_through(square, list(range(6)), label="square")
        assert results[5] == 25
        manager.scale(1)
        assert manager.threads == 1
        with pytest.raises(UserError, match="adapt from 3 to 2"):
            manager.adapt(3, 2)
        manager.adapt(2, 2)
        manager.client.wait_for_workers(2, timeout=60)
