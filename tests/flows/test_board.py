"""How a block ended is told by the cluster, also where fetching its result fails at first."""

import uuid
from types import SimpleNamespace

import pytest
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from prefect.states import Completed, Pending

from flows import _board
from tasks._step import Context


class Answer:
    """A future of a cluster that fails to hand over its result a few times."""

    def __init__(self, failures: int, lost: Exception | None = None) -> None:
        self.failures, self.lost = failures, lost

    def cancelled(self) -> bool:
        return False

    def exception(self) -> Exception | None:
        return self.lost

    def result(self) -> object:
        if self.failures:
            self.failures -= 1
            raise OSError("the connection was closed")
        return Completed()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_board, "FETCH_SECONDS", 0.0)


def test_a_result_that_comes_late_is_waited_for() -> None:
    assert _board._fetched(Answer(failures=_board.FETCH_ATTEMPTS - 1)).is_completed()


def test_a_result_that_never_comes_is_a_fault() -> None:
    with pytest.raises(OSError, match="closed"):
        _board._fetched(Answer(failures=_board.FETCH_ATTEMPTS))


def test_what_the_task_raised_is_raised_at_once() -> None:
    answer = Answer(failures=0, lost=RuntimeError("killed"))
    with pytest.raises(RuntimeError, match="killed"):
        _board._fetched(answer)


def test_a_task_that_never_ran_says_so() -> None:
    outcome = _board._outcome(Pending(name="NotReady", message="Upstream task did not finish"))
    text = _board._sentence("train fold 1", outcome)
    assert text == (
        "train fold 1: was not run (NotReady: Upstream task did not finish); Retry computes it"
    )


class Cluster:
    """Hands a block's outcomes out one by one, and remembers which block was sent when."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def block(self, board: _board.Board, label: str, *outcomes: object) -> _board.Block:
        left = list(outcomes)

        def send() -> SimpleNamespace:
            self.sent.append(label)
            return SimpleNamespace(wrapped_future=Outcome(left.pop(0)), task_run_id=uuid.uuid4())

        block = _board.Block("load", "step", label, send, 0.0)
        board.blocks.append(block)
        block.future = send()
        return block


class Outcome:
    """A future that is done: with a state, or lost by the cluster."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    def done(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return isinstance(self.outcome, FutureCancelledError)

    def exception(self) -> object:
        return self.outcome if isinstance(self.outcome, KilledWorker) else None

    def result(self) -> object:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def _well() -> object:
    return Completed(data={"kind": "thing"})


def _forgotten() -> FutureCancelledError:
    return FutureCancelledError(key="k", reason="scheduler-connection-lost")


def _killed() -> KilledWorker:
    return KilledWorker(task="k", last_worker=SimpleNamespace(address="tcp://a:1"),
                        allowed_failures=1)  # fmt: skip


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> _board.Board:
    monkeypatch.setattr(_board, "_show_crashed", lambda block, why: None)
    return _board.Board(Context("nowhere"))


def test_a_block_that_the_scheduler_forgot_is_sent_again(board: _board.Board) -> None:
    block = Cluster().block(board, "a", _forgotten(), _forgotten(), _well())
    assert board.collect([block]) == [{"kind": "thing"}]
    assert (block.lost, board.failures) == (2, [])


def test_a_block_that_is_always_forgotten_fails_with_a_sentence(board: _board.Board) -> None:
    block = Cluster().block(board, "a", *[_forgotten()] * (_board.RESENDS + 1))
    assert board.collect([block]) is None
    assert "a: the cluster's scheduler died again and again" in board.failures[0].sentence


def test_a_block_whose_workers_die_waits_until_it_is_alone(board: _board.Board) -> None:
    cluster = Cluster()
    first = cluster.block(board, "guilty", _killed(), _killed())
    second = cluster.block(board, "beside it", _killed(), _well())
    third = cluster.block(board, "other", _forgotten(), _well())
    assert board.collect([first, second, third]) is None
    assert cluster.sent == ["guilty", "beside it", "other", "other", "guilty", "beside it"]
    assert [(f.label, f.deadly) for f in board.failures] == [("guilty", True)]
    assert second.result == {"kind": "thing"}


def test_a_cluster_that_is_gone_is_a_sentence(board: _board.Board) -> None:
    block = Cluster().block(board, "a", _forgotten())  # what is sent again finds no client
    assert board.collect([block]) is None
    assert "a: the cluster is gone (IndexError" in board.failures[0].sentence
