"""A cluster that lost its last worker is not waited for without end."""

from types import SimpleNamespace

import pytest

from tasks.cluster import workers
from tasks.errors import EnvironmentFaultError


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(workers.time, "monotonic", lambda: now.seconds)
    return now


def cluster(*nthreads):
    """A future whose client gives these answers in turn."""
    answers = list(nthreads)

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(client=SimpleNamespace(nthreads=ask)), answers


def look_every_minute(watch, future, clock, times):
    for _ in range(times):
        clock.seconds += 60
        watch.look(future)


def test_a_cluster_without_workers_is_given_up_in_one_sentence(clock):
    future, _ = cluster({}, {}, {})
    with pytest.raises(EnvironmentFaultError, match=r"no worker for 120 s.*QILIN_CLUSTER_MEMORY"):
        look_every_minute(workers.Watch("processes"), future, clock, 3)


def test_a_worker_that_comes_back_and_a_scheduler_that_is_away_are_no_reason(clock):
    future, left = cluster({}, {"worker": 1}, {}, OSError("closed"), {})
    look_every_minute(workers.Watch("processes"), future, clock, 5)
    assert left == []


@pytest.mark.parametrize("kind", ["threads", "class", "adaptive"])
def test_clusters_that_may_be_empty_are_not_asked(kind, clock):
    future, left = cluster({})
    look_every_minute(workers.Watch(kind), future, clock, 30)
    assert left == [{}]
