"""One site for all storms of a session, and the night that nothing disturbs there."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.site import Site
from tests.chaos.storm import Row, plan, table
from tests.flows import nights

POINTS = int(os.environ.get("QILIN_CHAOS_POINTS", "10"))
SEED = int(os.environ.get("QILIN_CHAOS_SEED", "1"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "points" in metafunc.fixturenames:
        storms = plan(POINTS, SEED)
        names = [f"night{i}-" + "-".join(p.victim for p in s) for i, s in enumerate(storms)]
        metafunc.parametrize("points", storms, ids=names)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as site:
        site.wait()
        yield site


@pytest.fixture(scope="session")
def calm(site: Site, tmp_path_factory: pytest.TempPathFactory) -> nights.Ran:
    home = nights.new_home(tmp_path_factory.mktemp("calm") / "home")
    ran = nights.run(nights.nightly(), site.environment(home), timeout=900)
    assert ran.code == 0, ran.out + ran.err
    return ran


@pytest.fixture(scope="session")
def rows() -> Iterator[list[tuple[Row, bool]]]:
    """Every kill so far and whether its night's hashes came out right; printed in the end."""
    found: list[tuple[Row, bool]] = []
    yield found
    print(f"\n\nseed {SEED}, {len(found)} kills\n{table(found)}")
