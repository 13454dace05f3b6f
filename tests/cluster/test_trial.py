"""Items that kill their process are found, each with its death; the others are left alone."""

import ctypes
import os
import signal

import pytest

from tasks.cluster import trial


def _work(item):
    if item == "exits":
        os._exit(3)
    if item == "crashes":
        ctypes.string_at(0)
    if item == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "raises":
        raise ValueError(item)
    if item == "asks for everything":
        bytearray(1 << 62)
    if item == "grows":
        held = []
        while True:
            held.append(b"x" * (16 << 20))
    print("noise on the standard output")


def test_every_deadly_item_is_found_with_its_death():
    items = ["well", "exits", "raises", "crashes", "well", "is killed", "asks for everything"]
    assert trial.deadly_items(_work, items, most=9) == {
        1: "ended its process (exit status 3)",
        3: "killed its process (SIGSEGV)",
        5: "killed its process (SIGKILL)",
        6: "asked for more memory than there is",
    }


def test_items_that_raise_are_no_deaths():
    assert trial.deadly_items(_work, ["raises", "well"], most=9) == {}
    assert trial.deadly_items(_work, [], most=9) == {}


def test_no_more_are_looked_for_than_asked():
    assert list(trial.deadly_items(_work, ["exits"] * 5, most=2)) == [0, 1]


def test_a_process_that_grows_beyond_its_limit_is_ended():
    found = trial.deadly_items(_work, ["well", "grows"], most=9, memory_bytes=300 << 20)
    assert found == {1: "asked for more memory than there is"}


def test_without_a_worker_there_is_no_limit():
    assert trial.memory_limit() is None


@pytest.mark.parametrize("status", [0, 1, -9, trial.NO_MEMORY])
def test_only_a_process_that_ended_well_has_no_death(status):
    assert bool(trial._death(status)) == (status != 0)
