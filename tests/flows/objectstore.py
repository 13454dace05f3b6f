"""An S3 service for tests: moto's server in a process of its own, one empty bucket in it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fsspec

BUCKET = "qilin-tests"


def environment(url: str) -> dict[str, str]:
    """What a process needs to find the service at an address."""
    return {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip


@contextmanager
def served(
    log: Path, port: int, host: str = "127.0.0.1", within: Sequence[str] = ()
) -> Iterator[str]:
    """The address of a running service.

    Args:
        log: file for what it says.
        port: to listen on.
        host: address to listen on.
        within: words before its command, such as those that enter a network namespace.
    """
    url = f"http://{host}:{port}"
    words = [*within, sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    with log.open("w") as file, subprocess.Popen(words, stdout=file, stderr=file) as server:
        try:
            _make_bucket(url)
            yield url
        finally:
            server.kill()


def _make_bucket(url: str) -> None:
    fs = fsspec.filesystem(
        "s3", key="test", secret="test", endpoint_url=url, skip_instance_cache=True
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            fs.mkdir(BUCKET)
        except OSError:
            assert time.monotonic() < deadline, f"the S3 service at {url} did not start"
            time.sleep(0.3)
        else:
            return
