"""A night whose store is an object store: the same hashes as on a disk."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows._server import any_free_port
from tests.flows import nights, objectstore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment with the address of an S3 service on loopback, one empty bucket in it."""
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with objectstore.served(log, any_free_port()) as url:
        yield objectstore.environment(url)


def test_a_night_on_s3_has_the_hashes_of_one_on_a_disk(
    prefect_api: str, calm_night: nights.Ran, endpoint: dict[str, str], tmp_path: Path
) -> None:
    home = f"s3://{objectstore.BUCKET}/{uuid.uuid4().hex}"
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
