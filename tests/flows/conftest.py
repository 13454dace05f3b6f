"""One Prefect server for all flow tests of a session: starting one takes ten seconds and more."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """Address of a Prefect server on SQLite that lasts as long as the tests."""
    from flows._server import prefect_server

    with prefect_server() as url:
        yield url
