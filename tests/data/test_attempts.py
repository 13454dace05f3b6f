"""What was begun and did not end is told from what was asked for again, whatever died when."""

import dataclasses
import time
from pathlib import Path

import pytest

from tasks.data import attempts
from tasks.data.attempts import Attempt
from tasks.data.store import Artifact, Store

KEY = "k" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "home"))


def put(store: Store, began: float) -> Artifact:
    return store.put("thing", KEY, {"x": b"1"}, notes={"began": began, "seconds": 0.0})


def whole(store: Store) -> None:
    """Work that is begun, gives its artifact and says so."""
    attempt = attempts.begin(store, KEY)
    put(store, time.time())
    attempts.end(store, attempt)


def test_work_that_ended_is_no_death_however_often_it_was_asked_for(store: Store) -> None:
    for _ in range(4):
        assert attempts.unended(store, KEY) == 0
        whole(store)
        store.discard(KEY)
    assert [a.ended for a in attempts.of(store, KEY)] == [True] * 4


def test_deaths_add_up_until_the_work_is_done(store: Store) -> None:
    for deaths in range(3):
        assert attempts.unended(store, KEY) == deaths
        attempts.begin(store, KEY)
    assert attempts.unended(store, KEY) == 3
    whole(store)
    assert attempts.unended(store, KEY) == 0
    attempts.begin(store, KEY)
    assert attempts.unended(store, KEY) == 1, "a death of the rerun, not those before"


def test_a_death_between_the_artifact_and_the_end_of_its_mark_counts_as_done(store: Store) -> None:
    attempts.begin(store, KEY)
    put(store, time.time())
    assert attempts.unended(store, KEY) == 0


def test_an_object_store_keeps_the_same_marks(tmp_path: Path) -> None:
    store = Store(f"memory://{tmp_path.name}")
    attempts.begin(store, KEY)
    assert attempts.unended(store, KEY) == 1
    attempts.end(store, attempts.begin(store, KEY))
    assert [a.ended for a in attempts.of(store, KEY)] == [False, True]


def test_only_what_was_lost_on_the_way_was_begun_twice() -> None:
    died, done = Attempt("a", 10.0), Attempt("b", 20.0, ended=True)
    assert attempts.repeated([died, done], since=5.0)
    assert not attempts.repeated([died, done], since=15.0), "it died in an earlier night"
    again = dataclasses.replace(done, started=30.0)
    assert not attempts.repeated([done, again], since=5.0), "a rerun wanted it again"
    assert not attempts.repeated([died], since=5.0)
