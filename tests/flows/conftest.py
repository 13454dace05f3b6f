"""One Prefect server for all flow tests of a session: starting one takes ten seconds and more."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows import nights

# With `--import-mode=importlib` a folder's helpers are found only if the folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def calm_night(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> nights.Ran:
    """A small night that nothing disturbed."""
    home = nights.new_home(tmp_path_factory.mktemp("calm") / "home")
    ran = nights.run(nights.nightly(), nights.environment(home), timeout=900)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """Address of a Prefect server on SQLite that lasts as long as the tests."""
    from flows._server import prefect_server

    with prefect_server() as url:
        yield url
