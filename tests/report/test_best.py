"""The tests of the best: what survives, and why the rest does not, in one table."""

import dataclasses

import pytest

from tasks.report.assemble.headline import headline
from tasks.report.sections import best, survivors
from tasks.report.trials import Honesty
from tasks.report.words import Text, pick
from tests.report.sample_night import full_night

TRIALS = full_night().trials


def answers(trials):
    return [pick(row[1].text) for row in best.tests(trials).rows]


def test_a_best_that_survives_everything_says_yes_seven_times():
    assert answers(TRIALS) == ["✓ yes"] * 7


@pytest.mark.parametrize(
    ("place", "honesty", "trial"),
    [
        (0, {"luck_p": 0.4}, {}),
        (1, {}, {"q": 0.5}),
        (2, {}, {"deflated": 0.6}),
        (3, {}, {"needed": None}),
        (3, {}, {"needed": 5000.0}),
        (4, {"superior_p": 0.3}, {}),
        (5, {"stepwise": 0}, {"stepwise": False}),
        (6, {"overfitting": 0.55}, {}),
    ],
)
def test_each_test_that_fails_is_shown_as_failed(place, honesty, trial):
    trials = dataclasses.replace(
        TRIALS,
        honesty=dataclasses.replace(TRIALS.honesty, **honesty),
        best_trial=dataclasses.replace(TRIALS.best_trial, **trial),
    )
    found = answers(trials)
    assert [i for i, answer in enumerate(found) if answer == "✕ no"] == [place]


def test_overfitting_is_told_in_plain_words():
    def words(p, loss=0.1):
        honesty = dataclasses.replace(TRIALS.honesty, overfitting=p, loss=loss)
        return pick(best.tests(dataclasses.replace(TRIALS, honesty=honesty)).rows[6][4].text)

    assert "tends to stay good" in words(0.05)
    assert "mostly loses there too" in words(0.05, 0.6)
    assert "says little" in words(0.35)
    assert "says nothing" in words(0.5)
    assert "Too few" in words(None)


def test_what_was_not_computed_is_neither_yes_nor_no():
    nothing = dataclasses.replace(TRIALS, honesty=Honesty())
    found = answers(nothing)
    assert found[0] not in ("✓ yes", "✕ no")
    assert best.tests(dataclasses.replace(TRIALS, best_trial=None)) is None


def test_raw_and_independent_numbers_stand_side_by_side():
    line = pick(best.counted(TRIALS))
    assert "1,240 trials tonight (about 37 independent)" in line
    assert "18,417 since the ledger began (about 210 independent)" in line


def test_the_rule_tells_of_the_vault_or_why_there_is_none():
    assert "vault 2025-11-21 to 2026-11-20" in pick(survivors.rule(TRIALS))
    assert "opened 1 time." in pick(survivors.rule(TRIALS))
    none = dataclasses.replace(
        TRIALS, vault=("", ""), vault_openings=None, no_vault="600 sessions are too few"
    )
    assert "no vault: 600 sessions are too few" in pick(survivors.rule(none))


def test_a_ratio_over_the_universe_is_never_called_net_sharpe_alone():
    trials = dataclasses.replace(TRIALS, over=Text("the universe", "全体"))
    assert pick(trials.measured) == "net Sharpe over the universe"
    heads = [pick(c.label) for c in survivors.table(trials, trials.rows[:1]).columns]
    assert "net Sharpe over the universe [95 %]" in heads


def test_the_headline_counts_what_was_tried():
    found = headline(full_night())
    assert found["trials_since_ledger_began"] == 18_417
    assert found["effective_trials"] == pytest.approx(37.2)
    assert found["overfitting_probability_ratio"] == 0.12
    assert found["vault_openings"] == 1
