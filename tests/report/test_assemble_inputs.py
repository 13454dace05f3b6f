"""The report names what differs inside an input, not only that its hash does."""

import copy
from typing import Any

from tasks.report.assemble.inputs import input_changes
from tasks.report.words import pick

NIGHT: dict[str, Any] = {
    "inputs": {"data": "aa", "settings": "bb", "code": "cc", "lock": "dd", "rules": "ee"},
    "settings": {"size": "full", "advanced": {"train": {"rounds": 20, "seed": 7}}},
    "code": {"steps": {"fold": "f", "ranking": "r"}},
    "versions": {"numpy": "2.1", "pandas": "3"},
    "seeds": {"simulated": 42, "train": 7},
}


def changed(now: dict[str, Any], before: dict[str, Any] = NIGHT) -> dict[str, tuple[str, str, str]]:
    found = input_changes(now, before)
    return {pick(i.name): (i.before, i.now, pick(i.note)) for i in found if i.changed}


def test_equal_nights_differ_in_nothing() -> None:
    assert len(input_changes(NIGHT, NIGHT)) == 6
    assert changed(NIGHT) == {}


def test_what_differs_inside_is_named() -> None:
    now = copy.deepcopy(NIGHT)
    now["inputs"] |= {"settings": "b2", "code": "c2", "lock": "d2", "rules": "e2"}
    now["settings"]["advanced"]["train"] |= {"rounds": 50, "seed": 8}
    now["code"]["steps"] |= {"fold": "g"}
    now["versions"] |= {"numpy": "2.2"}
    now["seeds"] |= {"train": 8}
    assert changed(now) == {
        "settings": ("bb", "b2", "advanced.train.rounds: 20 → 50, advanced.train.seed: 7 → 8"),
        "trading rules": ("ee", "e2", ""),
        "seeds": ("simulated 42, train 7", "simulated 42, train 8", ""),
        "code": ("cc", "c2", "fold"),
        "package versions": ("dd", "d2", "numpy: 2.1 → 2.2"),
    }


def test_many_differences_are_counted() -> None:
    now = copy.deepcopy(NIGHT)
    now["inputs"]["code"] = "c2"
    now["code"]["steps"] = dict.fromkeys("abcde", "new")
    assert changed(now)["code"][2] == "a, b, c and 4 more"


def test_what_the_older_night_did_not_write_down_is_not_called_changed() -> None:
    old = copy.deepcopy(NIGHT)
    del old["inputs"]["rules"], old["settings"]
    now = copy.deepcopy(NIGHT)
    now["inputs"]["settings"] = "b2"
    assert changed(now, old) == {"settings": ("bb", "b2", "")}
