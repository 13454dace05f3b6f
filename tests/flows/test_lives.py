"""Which lives of a night died is known from what they left, and what is reused is verified."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import _lives
from flows._board import Block, Board
from tasks import settings
from tasks._step import Context
from tasks.data import attempts
from tasks.data.store import Store

NIGHT = "night-2026-11-20-abc"

_DIES = """
import os, signal
from flows import _lives
from tasks.data.store import Store
with _lives.lived(Store(), "night-2026-11-20-abc", "first"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(qilin_home: Path) -> Store:
    return Store(str(qilin_home))


def _died() -> None:
    env = {**os.environ, "PYTHONPATH": str(settings.CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", _DIES], env=env, check=False)
    assert done.returncode == -9


def test_a_killed_life_has_no_end_and_others_say_theirs(store: Store) -> None:
    _died()
    with pytest.raises(ValueError, match="bad"), _lives.lived(store, NIGHT, "second"):
        raise ValueError("bad")
    with _lives.lived(store, NIGHT, "third"):
        found = _lives.earlier(store, NIGHT)
        assert [(life.run, life.end) for life in found] == [("first", ""), ("second", "failed")]
    with _lives.lived(store, NIGHT, "fourth"):
        assert _lives.earlier(store, NIGHT) == [], "what completed the night was the last word"


def _board(store: Store) -> Board:
    """Three blocks: one reused, one begun twice, one computed at once."""
    board = Board(Context(store.root))
    for name, cached, begun in (("a", True, 1), ("b", True, 2), ("c", False, 1)):
        key = name * 64
        for number in range(begun):
            store.note(f"attempts/{key[:2]}/{key}/{number}", str(time.time()))
        made = store.put("thing", key, {"x.txt": name.encode()})
        block = Block("load", "step", f"block {name}", lambda: None, 0.0, cached=cached)
        block.result = made.to_json()
        board.blocks.append(block)
    return board


def test_a_calm_night_has_no_certificate(store: Store) -> None:
    with _lives.lived(store, NIGHT, "only"):
        assert _lives.certificate(store, NIGHT, _board(store)) == {}


def test_a_certificate_counts_and_verifies(store: Store) -> None:
    _died()
    board = _board(store)
    with _lives.lived(store, NIGHT, "second"):
        board.started = time.time()
        found = _lives.certificate(store, NIGHT, board)
    assert [(life["run"], life["died"], life["begun"]) for life in found["lives"]] == [
        ("first", True, 4)
    ]
    assert (found["reused"], found["computed"], found["resent"]) == (2, 1, 0)
    assert found["twice"] == ["block b"]
    assert found["damaged"] == []
    assert found["bytes"] == 2


def test_a_block_that_a_rerun_computed_again_was_not_begun_twice(store: Store) -> None:
    _died()
    board = _board(store)
    for mark in attempts.of(store, "b" * 64):
        attempts.end(store, mark)
    with _lives.lived(store, NIGHT, "rerun"):
        assert _lives.certificate(store, NIGHT, board)["twice"] == []


def test_an_artifact_that_changed_is_said_to_be_damaged(store: Store) -> None:
    _died()
    board = _board(store)
    (Path(store.root) / "objects" / "aa" / ("a" * 64) / "x.txt").write_text("A")
    with _lives.lived(store, NIGHT, "second"):
        assert _lives.certificate(store, NIGHT, board)["damaged"] == ["thing"]


def test_what_the_cluster_lost_is_counted_without_a_crash(store: Store) -> None:
    board = _board(store)
    board.blocks[0] = dataclasses.replace(board.blocks[0], lost=1)
    with _lives.lived(store, NIGHT, "only"):
        found = _lives.certificate(store, NIGHT, board)
    assert (found["resent"], found["lives"]) == (1, [])
