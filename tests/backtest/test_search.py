"""Optuna searches: distinct sensible sets, the same after every kill."""

import numpy as np
import pytest

from tasks.backtest.config import SweepConfig
from tasks.backtest.search import Search, batch_size
from tasks.backtest.strategies.registry import family
from tasks.errors import UserError

CONFIG = SweepConfig(search="optuna", samples=50, batch=20, seed=5)


def score(values):
    """Best at 12 and 90; NaN for a set that could not be scored."""
    fast, slow = values.T
    out = -((fast - 12) ** 2) / 100 - ((slow - 90) ** 2) / 1e4
    return np.where(fast == 7, np.nan, out)


def whole(journal=None, config=CONFIG):
    search, number, found = Search(config, journal=journal), 0, []
    while len(values := search.batch(number)):
        found.append(values)
        search.tell(number, score(values))
        number += 1
    return np.concatenate(found)


def test_a_search_tries_different_sensible_sets_and_learns():
    found = whole()
    assert found.shape == (50, 2)
    assert len(np.unique(found, axis=0)) == 50
    assert family("ma_cross").sensible(found).all()
    assert np.nanmean(score(found[40:])) > np.nanmean(score(found[:30]))
    np.testing.assert_array_equal(found, whole())
    assert not np.array_equal(found, whole(config=CONFIG.model_copy(update={"seed": 6})))


class Killed(BaseException):
    """Stands for a process that ends in the middle of its work."""


@pytest.mark.parametrize("moment", [3, 25, 97])
def test_a_killed_search_goes_on_as_if_nothing_had_been(tmp_path, monkeypatch, moment):
    from optuna.storages.journal import JournalFileBackend

    journal = tmp_path / "search.journal"
    calls = {"left": moment}
    append = JournalFileBackend.append_logs

    def kill(self, logs):
        if calls["left"] == 0:
            raise Killed
        calls["left"] -= 1
        append(self, logs)

    monkeypatch.setattr(JournalFileBackend, "append_logs", kill)
    with pytest.raises(Killed):
        whole(journal)
    monkeypatch.setattr(JournalFileBackend, "append_logs", append)
    (tmp_path / "search.journal.lock").touch()  # a kill leaves the lock behind
    np.testing.assert_array_equal(whole(journal), whole())
    np.testing.assert_array_equal(whole(journal), whole())  # and again from the finished journal


def test_a_small_range_ends_early_and_an_empty_one_is_told():
    small = CONFIG.model_copy(update={"values": {"fast": (2.0, 3.0), "slow": (3.0, 4.0)}})
    assert len(whole(config=small)) == 3
    empty = CONFIG.model_copy(update={"values": {"fast": (9.0,), "slow": (4.0,)}})
    with pytest.raises(UserError, match="holds no sensible set"):
        whole(config=empty)


def test_long_searches_have_few_batches():
    assert batch_size(CONFIG) == 20
    assert batch_size(CONFIG.model_copy(update={"samples": 100_000})) == 2500
