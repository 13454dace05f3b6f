"""What all tests share: a store of their own, real data and peers where there are any.

The whole run works in a fresh temporary store, so nothing that an earlier night left can help or
hurt a test. Only the cache of compiled kernels is shared with the usual store: its folder is named
by the hash of the kernels' sources, and compiling anew would cost minutes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tasks import settings
from tests.flows import nights

# Compilation and a busy machine make single examples slow; a red run shall be reproducible.
hypothesis_settings.register_profile("qilin", deadline=None, derandomize=True)
hypothesis_settings.load_profile("qilin")

_KERNEL_CACHE = settings.local_home() / "cache"


def _new_home(folder: Path) -> Path:
    """A store with nothing in it but the shared cache of compiled kernels."""
    folder.mkdir(parents=True, exist_ok=True)
    _KERNEL_CACHE.mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(_KERNEL_CACHE, target_is_directory=True)
    return folder


_SESSION_HOME = _new_home(Path(tempfile.mkdtemp(prefix="qilin-tests-")))
os.environ["QILIN_HOME"] = str(_SESSION_HOME)
# Sweeps of tests are no research: only those that are about the ledger name one.
os.environ["QILIN_LEDGER"] = "none"
# No test reports to anyone, and none talks to a Prefect server that the user has configured.
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ.pop("PREFECT_API_URL", None)


@pytest.fixture(scope="session", autouse=True)
def _remove_session_home() -> Iterator[None]:
    yield
    shutil.rmtree(_SESSION_HOME, ignore_errors=True)


@pytest.fixture
def qilin_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of this test alone, set as `QILIN_HOME` here and in subprocesses."""
    home = _new_home(tmp_path / "home")
    monkeypatch.setenv("QILIN_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """Address of a Prefect server on SQLite that lasts as long as the tests: a start is slow."""
    from flows._server import prefect_server

    with prefect_server() as url:
        yield url


@pytest.fixture(scope="session")
def calm_night(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> nights.Ran:
    """A small night that nothing disturbed."""
    home = nights.new_home(tmp_path_factory.mktemp("calm") / "home")
    ran = nights.run(nights.nightly(), nights.environment(home), timeout=900)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real market data, from `QILIN_REAL_DATA`; skips where there is none."""
    value = os.environ.get("QILIN_REAL_DATA", "")
    if not value:
        pytest.skip("QILIN_REAL_DATA is unset: no real market data here")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"QILIN_REAL_DATA names {folder}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """Python of the environment with the peer libraries, from `QILIN_PEERS` (`make peers`)."""
    value = os.environ.get("QILIN_PEERS", "")
    if not value:
        pytest.skip("QILIN_PEERS is unset: no peer libraries here; build them with `make peers`")
    return Path(value)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The installed Chromium, for tests that look at pages; skips where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    pytest.skip("no Chromium on the PATH: pages cannot be drawn here")


@pytest.fixture(scope="session")
def simulate() -> Callable[[str], str]:
    """Run a program with the CUDA simulator in a GPU's place and give what it prints."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: no CUDA side to test")
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "1",
        "QILIN_HOME": str(_SESSION_HOME),
        "PYTHONPATH": str(settings.CHECKOUT),
    }

    def run(program: str) -> str:
        # the simulator's threads warn of divisions by zero that kernels mean
        command = [sys.executable, "-W", "ignore", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run
