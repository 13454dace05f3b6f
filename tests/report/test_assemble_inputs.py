"""The report names what differs inside an input, not only that its hash does."""

import copy
import dataclasses
from typing import Any, cast

from tasks.report.assemble.headline import headline
from tasks.report.assemble.inputs import input_changes
from tasks.report.blocks import Table
from tasks.report.night import Changes, Night
from tasks.report.sections import changes as section
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


def test_headline_numbers_stand_side_by_side(full: Night) -> None:
    changes = cast("Changes", full.changes)
    before = {**headline(full), "survivors": -1, "model_rank_ic": None, "of another version": 5}
    night = dataclasses.replace(full, changes=dataclasses.replace(changes, numbers_before=before))
    tables = [b for b in section.build(night).blocks if isinstance(b, Table)]
    (table,) = [t for t in tables if t.id == "numbers"]
    told = {pick(row[0].text): [pick(cell.text) for cell in row[1:]] for row in table.rows}
    now = headline(full)["survivors"]
    assert isinstance(now, int)
    assert told["survivors"] == ["−1", str(now), f"+{now + 1}"]
    assert told["stocks ranked"][2] == "same"
    assert "rank IC of the model" not in told, "one night has none"
