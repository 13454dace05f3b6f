"""What counts as a change of the ranking is said, and is possible where few stocks are ranked."""

import dataclasses

import pytest

from tasks.report.answers import answers
from tasks.report.assemble.changes import changes
from tasks.report.night import Changes, Night
from tasks.report.sections import changes as section
from tasks.report.words import pick

RUN = {"run": {"day": "2026-11-19", "folder": "runs/2026-11-19/small-1"}, "inputs": {}}


def compared(now: list[int], before: list[int]) -> Changes:
    found = changes(RUN, RUN, [f"S{i}" for i in now], [f"S{i}" for i in before])
    assert isinstance(found, Changes)
    return found


def told(night: Night, found: Changes) -> str:
    """Everything that the section says, in both languages."""
    return repr(section.build(dataclasses.replace(night, changes=found)))


def test_among_sixteen_stocks_the_top_can_change(full: Night) -> None:
    before = [*range(16)]
    swapped = [8, 1, 2, 3, 4, 5, 6, 7, 0, *range(9, 16)]
    found = compared(swapped, before)
    assert pick(found.scope) == "top 6 of the ranking"
    assert [m.name for m in found.entered] == ["S8"]
    assert [m.name for m in found.left] == ["S0"]
    assert found.moved == (), "what entered is not listed twice"
    assert [m.name for m in compared([4, *range(4), *range(5, 16)], before).moved] == ["S4"]


def test_what_is_too_small_to_list_is_not_called_nothing(full: Night) -> None:
    before = [*range(16)]
    found = compared([3, *range(3), *range(4, 16)], before)
    assert (found.entered, found.left, found.moved, found.far) == ((), (), (), 4)
    page = told(full, found)
    assert "nothing entered or left, none moved by 4 places or more." in page
    assert "无新进或退出，无变动（4 位及以上）。" in page
    asked = answers(dataclasses.replace(full, changes=found)).changes
    assert "moved by 4 or more" in [pick(label) for label, _ in asked.facts]


@pytest.mark.parametrize(("ranked", "top", "far"), [(5, 2, 1), (50, 17, 10), (5000, 30, 20)])
def test_the_scale_follows_the_market(ranked: int, top: int, far: int) -> None:
    found = compared([*range(ranked)], [*range(ranked)])
    assert (pick(found.scope), found.far) == (f"top {top} of the ranking", far)


def test_a_list_says_from_how_many_places_on(full: Night) -> None:
    found = compared([*range(20, 30), *range(20), *range(30, 200)], [*range(200)])
    assert len(found.moved) == 10, "all of them"
    assert "Entered, left or moved by 20 places or more among top 30 of the ranking" in told(
        full, found
    )
