"""Scheduler and driver on one host, workers on two more, the store on S3; one host is cut off."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from flows._server import any_free_port
from tests.faults import disturbed, hosts, relay
from tests.flows import nights, objectstore

pytestmark = pytest.mark.slow

SCHEDULER_PORT = 8786
#: how long a silent connection may be before it counts as lost, half a minute by default
SILENCE = "15s"


@pytest.fixture
def three() -> Iterator[list[hosts.Host]]:
    with hosts.network(3) as made:
        yield made


@pytest.fixture
def services(prefect_api: str, three: list[hosts.Host], tmp_path: Path) -> Iterator[dict[str, str]]:
    """S3 and Prefect at this machine's address among the hosts: what a process is told of them."""
    behind = int(prefect_api.removesuffix("/api").rsplit(":", 1)[1])
    at = hosts.GATEWAY
    with (
        objectstore.served(tmp_path / "moto.log", any_free_port(), at) as s3,
        relay.Relay(at, behind) as prefect,
    ):
        threading.Thread(target=prefect.serve_forever, daemon=True).start()
        yield {
            **objectstore.environment(s3),
            "PREFECT_API_URL": f"http://{at}:{prefect.server_address[1]}/api",
            "NO_PROXY": f"{at},127.0.0.1,localhost",
            "no_proxy": f"{at},127.0.0.1,localhost",
        }
        prefect.shutdown()


def test_a_night_on_three_hosts_survives_the_loss_of_one(
    calm_night: nights.Ran, three: list[hosts.Host], services: dict[str, str], tmp_path: Path
) -> None:
    head, first, second = three
    root = f"s3://{objectstore.BUCKET}/{uuid.uuid4().hex}"
    flags, trust = nights.certificates(tmp_path / "certificates")
    address = f"tls://{head.address}:{SCHEDULER_PORT}"
    env = nights.environment(Path(root), address, **services, **trust) | {
        "QILIN_HOME": root, "QILIN_LOCAL": os.environ["QILIN_HOME"],
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": SILENCE,
    }  # fmt: skip
    with contextlib.ExitStack() as stack:

        def dask(host: hosts.Host, *words: str) -> Path:
            log = tmp_path / f"{host.name}.log"
            local = ["--host", host.address, "--dashboard-address", "127.0.0.1:0", *flags]
            command = [*host.within, sys.executable, "-m", "dask", *words, *local]
            file = stack.enter_context(log.open("w"))
            process = subprocess.Popen(command, stdout=file, stderr=file, env=env, cwd=tmp_path)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return log

        told = dask(head, "scheduler", "--protocol", "tls", "--port", str(SCHEDULER_PORT))
        for host in (first, second):
            dask(host, "worker", address, "--nthreads", "1")
        for host in three:
            stack.callback(host.stop)
        night = stack.enter_context(
            disturbed.started([*head.within, *nights.nightly(), "--json"], env)
        )
        fs = fsspec.filesystem("s3", endpoint_url=services["AWS_ENDPOINT_URL"], key="test",
                               secret="test", skip_instance_cache=True)  # fmt: skip

        def in_the_middle() -> bool:
            assert night.poll() is None, night.communicate()
            fs.invalidate_cache()
            begun = fs.find(f"{root}/attempts")
            return len(begun) >= 6

        disturbed.until(in_the_middle, "the night is in the middle", pause=0.5)
        second.cut_off()
        out, err = night.communicate(timeout=disturbed.PATIENCE_SECONDS)
        assert night.returncode == 0, err
        assert f"Remove worker addr: tls://{second.address}:" in told.read_text()
    assert json.loads(out)["outputs"] == calm_night.outputs
