"""A store whose disk is full, or may only be read."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import disturbed
from tests.flows import nights

pytestmark = pytest.mark.slow

#: of the small disk; a night and Prefect's database need a fifth of it
DISK_MEGABYTES = 96


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A store on a disk of its own, which the test may fill."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(place)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield nights.new_home(place / "home")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(disk: Path) -> Path:
    """Write until not one byte is free."""
    ballast = disk / "ballast"
    handle = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    try:
        for size in (2**20, 2**12):
            try:
                while os.write(handle, bytes(size)):
                    continue
            except OSError:
                continue
    finally:
        os.close(handle)
    return ballast


def test_a_disk_that_fills_up_costs_only_what_was_not_written_yet(
    small_disk: Path, calm_night: nights.Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL")  # Prefect's database is to be on the full disk, too
    env = nights.environment(small_disk)
    for name in ("PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
        env.pop(name, None)
    with disturbed.started(nights.nightly(), env) as night:
        disturbed.until_begun(small_disk, 5, night)
        ballast = _fill(small_disk.parent)
        ran = disturbed.ended(night, small_disk)
    assert ran.code == 5, ran.err
    said = ran.err.splitlines()[-1]
    assert said.startswith(f"qilin: the disk of {small_disk} is full: ")
    assert "needs at least" in said
    assert "are free; make room" in said
    assert said.count(". ") == 0, "one sentence"
    kept = disturbed.artifacts(small_disk)
    assert 2 <= len(kept) < 15
    refused = nights.run(nights.nightly(), env)
    assert refused.code == 5
    assert refused.err.splitlines()[-1].startswith(f"qilin: the disk of {small_disk} is full: a")
    ballast.unlink()
    again = nights.run(nights.nightly(), env)
    assert again.code == 0, again.err
    assert again.outputs == calm_night.outputs
    reused = {block["key"] for block in again.summary["blocks"] if block["state"] == "cached"}
    assert len(reused) == len(kept & {block["key"] for block in again.summary["blocks"]}) >= 2
    assert disturbed.left_of(small_disk) == {}


def test_a_store_that_can_only_be_read_is_told_before_anything_starts(small_disk: Path) -> None:
    (small_disk / "objects").mkdir()
    options = ["-o", "remount,ro", str(small_disk.parent)]
    subprocess.run(["mount", *options], check=True)
    ran = nights.run(nights.nightly(), nights.environment(small_disk))
    assert ran.code == 5
    said = ran.err.splitlines()[-1]
    assert said.startswith(f"qilin: the store {small_disk} cannot be written (Read-only file sys")
    assert "set QILIN_HOME to another place" in said
    assert "internal error" not in ran.err
