"""How a block ended is told by the cluster, also where fetching its result fails at first."""

import pytest
from prefect.states import Completed, Pending

from flows import _board


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
