"""What a night amounts to."""

from __future__ import annotations

import dataclasses

import pytest

from tasks.report import verdict
from tasks.report.answers import answers
from tasks.report.night import Action, DataHealth, Missing, Night, Problem
from tasks.report.states import WORST_FIRST, severity, worst
from tasks.report.trials import Trials
from tasks.report.words import pick


def test_the_worst_part_is_the_state() -> None:
    assert worst(["PASS", "SKIP"]) == "PASS"
    assert worst(["PASS", "UNKNOWN", "WARN"]) == "WARN"
    assert worst(["WARN", "FAIL"]) == "FAIL"
    assert worst([]) == "UNKNOWN"
    assert sorted(WORST_FIRST, key=severity) == list(WORST_FIRST)


def test_a_clean_night_passes_even_without_a_survivor(full: Night) -> None:
    night = _clean(full)
    assert verdict.problems(night) == ()
    assert verdict.state(night) == "PASS"
    assert pick(verdict.sentence(night)) == "finished, every part passed"
    assert verdict.actions(night) == ()


def _clean(full: Night) -> Night:
    assert isinstance(full.health, DataHealth)
    assert isinstance(full.trials, Trials)
    return dataclasses.replace(
        full,
        run=dataclasses.replace(full.run, device_asked="auto"),
        stages=tuple(dataclasses.replace(s, state="PASS", asked=s.device) for s in full.stages),
        health=dataclasses.replace(full.health, quarantined=(), checks=full.health.checks[:1]),
        trials=dataclasses.replace(
            full.trials, rows=(), counts={"REJECTED": 1240}, excluded=(), best_name=""
        ),
    )


def test_the_fallback_is_told_once_with_its_reason(full: Night) -> None:
    told = [p for p in verdict.problems(full) if "CUDA" in pick(p.what)]
    assert [pick(p.what) for p in told] == [
        "features ran on CPU, GPU asked (no CUDA device visible)"
    ]
    assert told[0].state == "WARN"


def test_failures_come_before_warnings(failed: Night) -> None:
    found = verdict.problems(failed)
    assert [severity(p.state) for p in found] == sorted(severity(p.state) for p in found)
    assert verdict.state(failed) == "FAIL"
    assert pick(verdict.sentence(failed)).startswith("incomplete, 1 of 6 stages failed: 1 of 20")
    assert pick(verdict.failed_blocks(failed)) == "failed: backtest 004/020 trials 0186-0247"


def test_at_most_five_actions_most_severe_first(full: Night) -> None:
    many = tuple(Action(what=f"thing {i}", command=f"c{i}") for i in range(9))
    urgent = Action(what="first", command="now", state="FAIL")
    found = verdict.actions(dataclasses.replace(full, actions=(*many, urgent)))
    assert len(found) == verdict.MOST_ACTIONS
    assert found[0] is urgent


def test_a_missing_planted_leak_is_a_warning(full: Night) -> None:
    assert not isinstance(full.leaks, Missing)
    night = dataclasses.replace(_clean(full), leaks=full.leaks[1:])
    assert verdict.state(night) == "WARN"
    assert "no planted leak was tried" in pick(verdict.sentence(night))


@pytest.mark.parametrize("state", ["FAIL", "UNKNOWN"])
def test_a_part_that_failed_makes_the_night_as_bad(full: Night, state: str) -> None:
    night = dataclasses.replace(_clean(full), factors=Missing("no label", state))  # type: ignore[arg-type]
    assert verdict.state(night) == state


def test_a_part_that_was_skipped_does_not(full: Night) -> None:
    assert verdict.state(dataclasses.replace(_clean(full), factors=Missing("not asked"))) == "PASS"


def test_equal_problems_are_said_once(full: Night) -> None:
    problem = Problem(what="the clock is wrong")
    night = dataclasses.replace(_clean(full), problems=(problem, problem))
    assert len(verdict.problems(night)) == 1


def test_stale_data_warns_and_says_both_days(full: Night) -> None:
    assert isinstance(full.health, DataHealth)
    stale = dataclasses.replace(full.health, last_day="2026-11-18")
    assert stale.state == "WARN"
    night = dataclasses.replace(full, health=stale)
    assert verdict.state(night) == "WARN"
    assert any("2026-11-18" in pick(p.what) for p in verdict.problems(night))


def test_a_failed_check_means_that_results_must_not_be_used(full: Night) -> None:
    assert isinstance(full.health, DataHealth)
    bad = dataclasses.replace(full.health.checks[0], state="FAIL")
    night = dataclasses.replace(full, health=dataclasses.replace(full.health, checks=(bad,)))
    assert verdict.state(night) == "FAIL"
    assert pick(verdict.unusable(night)) == "Do not use: data health is FAIL"
    assert answers(night).survivors.state == "FAIL"


def test_five_answers_even_of_nothing(bare: Night) -> None:
    found = answers(bare)
    assert len(found.four()) == 4
    assert all(pick(a.headline) for a in found.four())
    assert all(pick(a.headline, "zh") for a in found.four())
