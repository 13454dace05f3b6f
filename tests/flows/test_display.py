"""Progress without a terminal: one plain line per stage, told once, when it is really over."""

import dataclasses
import time

import pytest

from flows import _cli_display, _progress
from flows._board import STAGES, Board


@dataclasses.dataclass
class _Block:
    stage: str
    ended: float = 0.0
    failure: object = None
    cached: bool = False


@pytest.fixture
def board(monkeypatch):
    monkeypatch.setattr(_cli_display, "_headline", lambda: "nightly 2026-11-20 small")
    made = Board.__new__(Board)
    made.blocks, made.skipped, made.over = [], {}, False
    made.planned, made.started = dict.fromkeys(STAGES, 0), time.time()
    return made


def test_a_stage_is_told_once_when_its_last_block_ended(board, capsys):
    display = _cli_display.Display()
    display.starting("small, simulated data")
    first = _Block("train")
    board.blocks.append(first)
    board.planned["train"] = 1
    display(board)
    first.ended = time.time()
    display(board)  # its next block may follow at once
    board.blocks.append(second := _Block("train"))
    board.planned["train"] = 2
    display(board)
    second.ended = time.time() - 5
    first.ended -= 5
    second.failure = object()
    display(board)
    display(board)
    display.close()
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[:2] == ["nightly: small, simulated data", "nightly 2026-11-20 small"]
    assert lines.count("train: FAIL 1/2 (1 failed)") == 1
    assert not [line for line in lines if line.startswith("train: PASS")]


def test_what_ended_last_is_told_at_the_end(board, capsys):
    display = _cli_display.Display()
    board.blocks.append(_Block("report", ended=time.time(), cached=True))
    board.planned["report"] = 1
    board.skipped["train"] = "not run: it needs the features of every symbol"
    display(board)
    display.close()
    lines = capsys.readouterr().err.splitlines()
    assert "report: PASS 1/1 (1 cached)" in lines
    assert "train: not run: it needs the features of every symbol" in lines


def test_the_stage_that_is_named_is_one_at_work(board):
    board.planned |= {"backtest": 3, "train": 8}
    board.blocks += [_Block("backtest", ended=1.0), _Block("train", ended=1.0), _Block("train")]
    assert _progress.describe(board, {}).startswith("train 1/8"), "the portfolio waits for it"
    board.blocks.pop()
    assert _progress.describe(board, {}).startswith("load 0/0"), "between two blocks"


def test_a_night_that_is_over_is_no_longer_on_its_way(board):
    board.planned["backtest"] = 5
    board.blocks += [_Block("backtest", ended=1.0) for _ in range(4)]
    assert _progress.fraction_done(board, {}) < 1
    board._listeners = []
    board.close()
    assert (_progress.fraction_done(board, {}), _progress.describe(board, {})) == (1.0, "done")
    board.blocks[0].failure = object()
    assert _progress.describe(board, {}) == "over, 1 block failed"


def test_the_bar_never_goes_back(board, monkeypatch):
    artifact, shown = _progress.ProgressArtifact({}), []
    monkeypatch.setattr(_progress, "ARTIFACT_SECONDS", 0.0)
    monkeypatch.setattr(artifact, "_publish", lambda share, text: shown.append(share))
    board.blocks.append(_Block("train", ended=1.0))
    for planned in (2, 9, 1):  # the stage turned out longer than was thought, then shorter
        board.planned["train"] = planned
        artifact(board)
    assert shown[0] == shown[1] < shown[2]
