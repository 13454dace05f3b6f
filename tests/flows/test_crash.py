"""kill -9 at any moment: started again, the night ends with the hashes of an undisturbed one."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.flows import nights

pytestmark = pytest.mark.slow

THREADS = 2
KILLS = 5


def test_a_killed_night_started_again_ends_with_the_same_hashes(
    prefect_api: str, tmp_path: Path
) -> None:
    calm = nights.run(nights.nightly(), nights.environment(nights.new_home(tmp_path / "calm")))
    assert calm.code == 0, calm.err
    blocks = calm.summary["counts"]["blocks"] - 1
    chance = random.Random(11)
    home = nights.new_home(tmp_path / "stormy")
    env = nights.environment(home, f"threads:{THREADS}")
    for moment in sorted(chance.sample(range(blocks), KILLS)):
        _kill_when_begun(env, home, moment)
        assert not list(home.glob("runs/latest")), "a killed night publishes nothing"
    ran = nights.run(nights.nightly(), env)
    assert ran.code == 0, ran.err
    assert ran.outputs == calm.outputs
    counts = ran.summary["counts"]
    assert counts["attempts"] - blocks <= KILLS * THREADS, "only blocks in flight are done twice"
    assert counts["begun_twice"] <= KILLS * THREADS
    assert ran.summary["run"]["day"] == calm.summary["run"]["day"]


def _kill_when_begun(env: dict[str, str], home: Path, begun: int) -> None:
    """Start the night and kill its process once more than `begun` blocks were ever begun."""
    night = subprocess.Popen(nights.nightly(), env=env, stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 240
    try:
        while len(list(home.glob("attempts/*/*"))) <= begun:
            assert night.poll() is None, "the night ended before it was to be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(night.pid, signal.SIGKILL)
        night.wait()
