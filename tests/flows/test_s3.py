"""A night whose store is an object store: the same hashes as on a disk."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.flows import nights

pytestmark = pytest.mark.slow

BUCKET = "qilin-tests"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment with the address of an S3 service on loopback, one empty bucket in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("s3") / "moto.log").open("w")
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    given = {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    with log, subprocess.Popen(words, stdout=log, stderr=log) as server:
        fs = fsspec.filesystem(
            "s3", key="test", secret="test", endpoint_url=url, skip_instance_cache=True
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                fs.mkdir(BUCKET)
                break
            except OSError:
                assert time.monotonic() < deadline, "the S3 service did not start"
                time.sleep(0.3)
        yield given
        server.kill()


def test_a_night_on_s3_has_the_hashes_of_one_on_a_disk(
    prefect_api: str, calm_night: nights.Ran, endpoint: dict[str, str], tmp_path: Path
) -> None:
    home = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    cache = str(Path(os.environ["QILIN_HOME"]))
    env = nights.environment(Path(home), **endpoint) | {
        "QILIN_HOME": home, "QILIN_LOCAL": cache,
    }  # fmt: skip
    done = subprocess.run(
        [*nights.nightly(), "--json"], env=env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outputs"] == calm_night.outputs
    assert told["report"].startswith(home)
    again = subprocess.run(
        [*nights.nightly(), "--json"], env=env, capture_output=True, text=True, timeout=900
    )
    assert json.loads(again.stdout)["outputs"] == calm_night.outputs
