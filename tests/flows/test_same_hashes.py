"""A night is a function of its inputs: no cluster, no worker count changes a hash."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows import nights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nights")


@pytest.fixture(scope="module")
def undisturbed(prefect_api: str, homes: Path) -> dict[str, str]:
    """Hashes of the night on one worker with two threads."""
    ran = nights.run(nights.nightly(), nights.environment(nights.new_home(homes / "threads2")))
    assert ran.code == 0, ran.err
    assert len(ran.outputs) == ran.summary["counts"]["blocks"] - 1  # the report is no output
    return ran.outputs


@pytest.mark.parametrize("cluster", ["threads:1", "processes:1", "processes:2", "processes:4"])
def test_every_local_cluster_gives_the_same_hashes(
    cluster: str, undisturbed: dict[str, str], homes: Path
) -> None:
    home = nights.new_home(homes / cluster.replace(":", ""))
    ran = nights.run(nights.nightly(), nights.environment(home, cluster))
    assert ran.code == 0, ran.err
    assert ran.summary["counts"]["cached"] == 0
    assert ran.outputs == undisturbed


def test_a_running_scheduler_gives_the_same_hashes(
    undisturbed: dict[str, str], scheduler: tuple[str, dict[str, str]], homes: Path
) -> None:
    address, trust = scheduler
    home = nights.new_home(homes / address.partition(":")[0])
    ran = nights.run(nights.nightly(), nights.environment(home, address, **trust))
    assert ran.code == 0, ran.err
    assert ran.summary["counts"]["cached"] == 0
    assert ran.outputs == undisturbed


def test_a_second_night_computes_nothing(undisturbed: dict[str, str], homes: Path) -> None:
    ran = nights.run(nights.nightly(), nights.environment(homes / "threads2"))
    assert ran.code == 0, ran.err
    assert ran.summary["counts"]["cached"] == ran.summary["counts"]["blocks"] - 1
    assert ran.outputs == undisturbed


@pytest.fixture(scope="module", params=["tcp", "tls"])
def scheduler(homes: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    """A scheduler with two workers started by hand: its address, and what a driver is told."""
    protocol: str = request.param
    pair, trust = nights.certificates(homes / "certificates") if protocol == "tls" else ([], {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{protocol}://127.0.0.1:{port}"
    local = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", *pair]
    words = [
        ["scheduler", "--protocol", protocol, "--port", str(port), *local],
        *(["worker", address, "--nthreads", "1", *local] for _ in range(2)),
    ]
    running = []
    for i, command in enumerate(words):
        env = {**os.environ, "QILIN_HOME": str(homes / protocol)}
        with (homes / f"{protocol}{i}.log").open("w") as log:
            started = [sys.executable, "-m", "dask", *command]
            running.append(subprocess.Popen(started, stdout=log, stderr=log, env=env))
        time.sleep(2)
    try:
        yield address, trust
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(timeout=60)
