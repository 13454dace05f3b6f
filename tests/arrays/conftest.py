"""Programs that run in numba's simulator, in a process of their own: it is chosen at import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks


@pytest.fixture(scope="session")
def simulate(tmp_path_factory) -> Callable[[str], str]:
    """Run a program with the CUDA simulator in a GPU's place and give what it prints."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: no CUDA side to test")
    home = os.environ.get("QILIN_HOME", "") or str(tmp_path_factory.mktemp("home"))
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "1",
        "QILIN_HOME": home,
        "PYTHONPATH": str(Path(tasks.__file__).parents[1]),
    }

    def run(program: str) -> str:
        # the simulator's threads warn of divisions by zero that kernels mean
        command = [sys.executable, "-W", "ignore", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run
