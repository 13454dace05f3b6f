"""One Prefect server for all flow tests of a session: starting one takes ten seconds and more."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# With `--import-mode=importlib` a folder's helpers are found only if the folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """Address of a Prefect server on SQLite that lasts as long as the tests."""
    from flows._server import prefect_server

    with prefect_server() as url:
        yield url
