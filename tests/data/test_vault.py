import subprocess
import sys

import numpy as np
import pytest

from tasks.data import vault
from tasks.data.store import Store
from tasks.errors import UserError


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def days(count, start="2020-01-01"):
    return np.arange(start, count, dtype="datetime64[D]")


def test_first_use_seals_the_last_year_and_later_nights_do_not_move_it(store):
    assert vault.current(store, "x") is None
    first = vault.fixed(store, "x", days(1000))
    assert (first.start, first.end) == (str(days(1000)[-250]), str(days(1000)[-1]))
    assert first.stop(days(1000)) == 750
    assert vault.fixed(store, "x", days(1100)) == first == vault.current(store, "x")
    assert first.stop(days(1100)) == 750, "what comes after the vault is not selected on either"
    assert first.stop(days(600)) == 600
    assert first.inside(days(1100)).sum() == 250


def test_a_short_history_has_no_vault_and_says_so(store):
    none = vault.fixed(store, "x", days(749))
    assert none.start == ""
    assert none.stop(days(749)) == 749
    assert not none.inside(days(749)).any()
    assert "749 sessions are too few" in none.why
    assert vault.fixed(store, "x", days(2000)).start == "", "it was fixed at first use"
    assert vault.fixed(store, "off", days(2000), 0).why == "switched off by the settings"


def test_it_moves_by_command_only_and_each_move_changes_the_declared_hash(store):
    first = vault.fixed(store, "x", days(1000))
    moved = vault.move(store, "x", "2021-01-04", "2021-06-30")
    assert vault.current(store, "x") == moved
    assert vault.fixed(store, "x", days(1000)) == moved
    again = vault.move(store, "x", "2022-01-04", "2022-06-30", "a year has passed")
    assert vault.current(store, "x") == again
    assert len({v.digest for v in (first, moved, again)}) == 3
    assert vault.families(store) == ["x"]


def test_openings_are_counted_and_need_a_reason(store):
    sealed = vault.fixed(store, "x", days(1000))
    with pytest.raises(UserError, match="give --reason"):
        vault.opened(store, sealed, "  ")
    assert vault.openings(store, "x") == []
    vault.opened(store, sealed, "before going live")
    vault.opened(store, sealed, "again")
    assert [o.reason for o in vault.openings(store, "x")] == ["before going live", "again"]
    with pytest.raises(UserError, match="has no vault"):
        vault.opened(store, vault.Vault("y", why="too short"), "reason")


def test_a_move_that_shows_sealed_days_is_an_opening(store):
    first = vault.fixed(store, "x", days(1000))
    assert first.start < first.end < "2049-01-01"
    for end in (first.end, "2049-12-31"):
        vault.move(store, "x", first.start, end)
    vault.move(store, "x", "2022-01-04", first.end)
    assert vault.openings(store, "x") == [], "nothing is shown where it begins no later"
    with pytest.raises(UserError, match=r"shows 2022-01-04 to .* were sealed, .*: give --reason"):
        vault.move(store, "x", "2049-01-01", "2049-12-31")
    assert vault.current(store, "x").start == "2022-01-04"
    vault.move(store, "x", "2022-03-01", "2022-12-31", "the year is over")
    vault.move(store, "x", "2049-01-01", "2049-12-31", "for good")
    looks = [(o.reason, o.start, o.end) for o in vault.openings(store, "x")]
    assert looks == [
        ("the year is over", "2022-01-04", "2022-02-28"),
        ("for good", "2022-03-01", "2022-12-31"),
    ]
    vault.fixed(store, "short", days(100))
    vault.move(store, "short", "2030-01-01", "2030-12-31")
    assert vault.openings(store, "short") == [], "where nothing was sealed nothing is shown"


@pytest.mark.parametrize(
    ("start", "end"),
    [("2021-02-30", "2021-03-01"), ("2021-3-1", "2021-03-02"), ("2021-03-02", "2021-03-01")],
)
def test_an_interval_that_is_none_is_refused(store, start, end):
    with pytest.raises(UserError):
        vault.move(store, "x", start, end)


#: uses a family for the first time, again and again, each time as soon as a file says so
RACER = """
import sys, time
from pathlib import Path
import numpy as np
from tasks.data import vault
from tasks.data.store import Store

root, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
days = np.arange("2020-01-01", count, dtype="datetime64[D]")
for n in range(rounds):
    (Path(root) / f"ready-{count}-{n}").touch()
    while len(list(Path(root).glob(f"ready-*-{n}"))) < 2:
        pass
    print(vault.fixed(Store(root + "/store"), f"family {n}", days).start)
"""


def test_of_two_processes_that_use_a_new_family_at_once_one_fixes_it_for_both(tmp_path):
    rounds = 40
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), str(count), str(rounds)],
            stdout=subprocess.PIPE, text=True,
        )
        for count in (1000, 1001)
    ]  # fmt: skip
    one, other = (racer.communicate(timeout=60)[0].split() for racer in racers)
    assert len(one) == rounds
    assert one == other
    store = Store(str(tmp_path / "store"))
    known = [vault.current(store, f"family {n}") for n in range(rounds)]
    assert [v.start for v in known if v] == one


def test_the_second_of_two_that_saw_nothing_reads_what_the_first_fixed(store, monkeypatch):
    seen = vault.current
    monkeypatch.setattr(vault, "current", lambda *_: None)
    first = vault.fixed(store, "new", days(1000))
    calls = []
    monkeypatch.setattr(vault, "current", lambda *a: seen(*a) if calls else calls.append(a))
    assert vault.fixed(store, "new", days(1001)) == first
