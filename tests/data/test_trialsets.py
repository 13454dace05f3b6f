import itertools
import json

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from tasks.data import codehash
from tasks.data.store import Store
from tasks.data.trialsets import (
    emit,
    families,
    ledger,
    months,
    read_ledger,
    read_snapshot,
    snapshot,
    trial_id,
    trial_set,
)
from tasks.errors import UserError

IDENTITY = {
    "family": "simulated",
    "strategy": "a" * 64,
    "parameters": {"fast": 5, "slow": 20},
    "costs": {"commission_bp": 2.5},
    "universe": {"name": "all"},
}


def test_a_trial_is_what_it_tries_and_nothing_else():
    one = trial_id(**IDENTITY)
    assert len(one) == 64
    turned = {**IDENTITY, "parameters": {"slow": np.int64(20), "fast": 5.0}}
    assert trial_id(**turned) == one
    changes = {
        "family": "vendor",
        "strategy": "b" * 64,
        "parameters": {"fast": 5, "slow": 21},
        "costs": {"commission_bp": 3.0},
        "universe": {"name": "csi300"},
    }
    others = {trial_id(**{**IDENTITY, name: value}) for name, value in changes.items()}
    assert len(others | {one}) == 6


def test_a_trials_settings_may_be_models():
    class Costs(BaseModel):
        commission_bp: float = 2.5

    assert trial_id(**{**IDENTITY, "costs": Costs()}) == trial_id(**IDENTITY)


def sets():
    a = pd.DataFrame({"id": ["x", "y"], "days": [100, 100], "sharpe": [1.0, np.nan]})
    b = pd.DataFrame({"id": ["y", "z"], "days": [120, 50], "sharpe": [0.5, 0.1], "more": [1, 2]})
    c = pd.DataFrame({"id": ["y"], "days": [120], "sharpe": [0.7]})
    return a, b, c


def test_the_ledger_is_a_set_union_in_any_order():
    base = ledger(sets())
    assert base["id"].tolist() == ["x", "y", "z"]
    assert base["days"].tolist() == [100, 120, 50]
    for turned in itertools.permutations(sets()):
        pd.testing.assert_frame_equal(ledger(turned), base)
    pd.testing.assert_frame_equal(ledger([base, *sets(), base]), base)
    a, b, c = sets()
    pd.testing.assert_frame_equal(ledger([ledger([a, b]), c]), ledger([a, ledger([b, c])]))


def test_an_empty_ledger_and_a_set_without_identities():
    assert len(ledger([])) == 0
    assert list(ledger([]).columns) == ["id", "days"]
    with pytest.raises(UserError, match="no column 'id'"):
        ledger([pd.DataFrame({"trial": [1], "days": [3]})])


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def made(numbers, seed=1, days=90):
    """A set of trials with these numbers, scored over some days from 2026-01-05 on."""
    dates = np.arange("2026-01-05", days, dtype="datetime64[D]")
    returns = np.random.default_rng(seed).normal(0, 0.01, (len(numbers), days))
    parameters = [{"fast": float(n)} for n in numbers]
    ids = [trial_id(**{**IDENTITY, "parameters": p}) for p in parameters]
    moments = {"days": np.full(len(ids), days), "sharpe": returns.mean(1) / returns.std(1)}
    return trial_set(ids, parameters, strategy="ma_cross", returns=returns, dates=dates,
                     moments=moments)  # fmt: skip


def test_a_set_keeps_what_was_tried_and_the_sums_of_its_months():
    table = made([3, 4])
    assert table["parameters"].map(json.loads).tolist() == [{"fast": 3}, {"fast": 4}]
    assert months(table) == ["2026-01", "2026-02", "2026-03", "2026-04"]
    dates = np.arange("2026-01-05", 90, dtype="datetime64[D]").astype("datetime64[M]")
    returns = np.random.default_rng(1).normal(0, 0.01, (2, 90))
    second = returns[:, dates == np.datetime64("2026-02")].sum(axis=1)
    np.testing.assert_allclose(table["2026-02"], second, rtol=1e-6)
    assert table["kurtosis"].isna().all()


def test_the_same_trial_on_another_night_or_retry_is_no_new_trial(store):
    emit(store, made(range(5)), family="x")
    emit(store, made(range(5)), family="x")
    emit(store, made(range(5), days=95), family="x")
    known = read_ledger(store, "x")
    assert len(known) == 5
    assert set(known["days"]) == {95}, "the row that rests on most days stands"
    emit(store, made(range(3, 8)), family="x")
    assert len(read_ledger(store, "x")) == 8
    assert len(read_ledger(store, "y")) == 0, "another family's looks are not looks at this data"
    assert families(store) == ["x"]


def test_the_order_of_nights_and_users_does_not_matter(tmp_path):
    parts = [made(range(4)), made(range(2, 6)), made(range(4), days=100), made([9], days=70)]
    hashes = set()
    for i, turned in enumerate([parts, parts[::-1], parts[2:] + parts[:2]]):
        store = Store(str(tmp_path / str(i)))
        for part in (*turned, turned[0]):
            emit(store, part.sample(frac=1.0, random_state=i), family="x")
        hashes.add(snapshot(store, "x").sha256)
    assert len(hashes) == 1


def test_a_night_leaves_its_own_trials_out_of_its_snapshot(store):
    mine, theirs = made(range(5)), made(range(10, 13))
    emit(store, theirs, family="x")
    before = snapshot(store, "x", without=mine["id"])
    emit(store, mine, family="x")
    again = snapshot(store, "x", without=mine["id"])
    assert again == before, "running the same night again judges by the same snapshot"
    assert set(read_snapshot(store, again)["id"]) == set(theirs["id"])
    emit(store, made([20]), family="x")
    assert snapshot(store, "x", without=mine["id"]).sha256 != before.sha256


def test_a_night_that_was_the_first_finds_its_empty_snapshot_again(store):
    mine = made(range(5))
    before = snapshot(store, "x", without=mine["id"])
    emit(store, mine, family="x")
    assert snapshot(store, "x", without=mine["id"]) == before
    emit(store, made([30], days=20), family="x")
    theirs = snapshot(store, "x", without=mine["id"])
    assert months(read_snapshot(store, theirs)) == ["2026-01"]


def test_an_empty_ledger_has_a_snapshot_of_the_same_hash_everywhere(tmp_path):
    one, two = (snapshot(Store(str(tmp_path / n)), "x") for n in "ab")
    assert one.sha256 == two.sha256
    assert one.rows == 0


def test_a_crash_between_the_set_and_its_entry_is_mended_by_the_next_run(store):
    table = made(range(3))
    found = emit(store, table, family="x")
    (entry,) = (p for p in (__import__("pathlib").Path(store.root) / "ledger").glob("*/*"))
    entry.unlink()
    assert len(read_ledger(store, "x")) == 0
    assert emit(store, table, family="x") == found
    assert len(read_ledger(store, "x")) == 3


def test_a_set_counts_each_trial_once():
    with pytest.raises(UserError, match="2 identities, 1 of them different"):
        trial_set(["a", "a"], [{}, {}], strategy="s")


def test_a_strategys_hash_sees_what_it_does_and_no_comment(tmp_path, monkeypatch):
    def hash_of(text):
        (tmp_path / "mine.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        import importlib
        import sys

        sys.modules.pop("mine", None)
        importlib.invalidate_caches()
        import linecache

        linecache.clearcache()
        return codehash.own_hash(importlib.import_module("mine").rule)

    base = hash_of("def helper(x):\n    return x\n\ndef rule(x):\n    return helper(x)\n")
    talk = (
        "# talk\ndef helper(x):\n    return x\n\ndef rule(x):\n    # more\n    return helper(x)\n"
    )
    assert hash_of(talk) == base
    assert hash_of("def helper(x):\n    return -x\n\ndef rule(x):\n    return helper(x)\n") != base
    scope: dict = {}
    exec("def typed(x):\n    return x + 1\ndef other(x):\n    return x + 2", scope)
    assert codehash.own_hash(scope["typed"]) != codehash.own_hash(scope["other"])
