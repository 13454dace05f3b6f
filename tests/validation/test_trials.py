import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from tasks.backtest import metrics
from tasks.errors import UserError
from tasks.validation import statistics
from tasks.validation.trials import STATES, effective_of_ledger, survivors


def sweep(seed=0, k=200, t=1000, true=10, sharpe=5.0):
    """A table and returns as a sweep gives them, with some trials that have skill."""
    returns = np.random.default_rng(seed).standard_normal((k, t)) * 0.01
    returns[:true] += 0.01 * sharpe / np.sqrt(244)
    frame = pd.DataFrame(
        {
            "trial": np.arange(k),
            "fast": np.arange(k) % 7,
            "days": metrics.days(returns),
            "sharpe": metrics.sharpe(returns),
            "skew": metrics.skew(returns),
            "kurtosis": metrics.kurtosis(returns),
        }
    )
    return frame, returns


def test_counts_add_up_and_survivors_are_the_ones_with_skill():
    frame, returns = sweep()
    found = survivors(frame, returns)
    assert list(found.counts) == list(STATES)
    assert sum(found.counts.values()) == found.tried == 200
    alive = set(found.table.loc[found.table["state"] == "SURVIVES", "trial"])
    assert alive >= set(range(10))
    assert len(alive) <= 13
    assert found.best == frame["sharpe"].max()
    assert found.best > found.noise.high > found.best_of_noise > 0
    assert found.effective == pytest.approx(200, rel=0.1)


def test_every_column_is_what_it_says():
    frame, returns = sweep(seed=1)
    table = survivors(frame, returns).table.set_index("trial").sort_index()
    daily = frame["sharpe"] / np.sqrt(244)
    shape = {"skew": frame["skew"], "kurtosis": frame["kurtosis"]}
    p = 1 - statistics.probabilistic_sharpe_ratio(daily, frame["days"], **shape)
    np.testing.assert_allclose(table["p"], p, rtol=1e-12)
    np.testing.assert_allclose(table["q"], false_discovery_control(p), rtol=1e-10)
    deflated = statistics.deflated_sharpe_ratio(
        daily, frame["days"], n_trials=200, trials_std=daily.std(ddof=1), **shape
    )
    np.testing.assert_allclose(table["deflated"], deflated, rtol=1e-10)
    half = 1.959963984540054 * metrics.sharpe_error(returns)
    np.testing.assert_allclose(table["high"] - frame["sharpe"], half, rtol=1e-10)
    np.testing.assert_allclose(frame["sharpe"] - table["low"], half, rtol=1e-10)
    assert table["fast"].tolist() == frame["fast"].tolist()


def test_states_follow_the_rule():
    frame, returns = sweep(seed=2)
    table = survivors(frame, returns, level=0.05).table
    assert (table["state"] == "SURVIVES").equals(table["q"] <= 0.05)
    candidates = table[table["state"] == "CANDIDATE"]
    assert ((candidates["q"] > 0.05) & (candidates["p"] <= 0.05)).all()
    assert (table.loc[table["state"] == "REJECTED", "p"] > 0.05).all()
    assert table["q"].is_monotonic_increasing


def test_trials_without_a_score_are_excluded_with_their_reason_and_do_not_count():
    frame, returns = sweep(seed=3)
    frame["excluded"] = ""
    frame.loc[5, "excluded"] = "its block failed"
    frame.loc[6, "days"] = 20
    returns[7] = 0.0
    frame.loc[7, ["sharpe", "skew", "kurtosis"]] = np.nan
    found = survivors(frame, returns)
    lost = found.table[found.table["state"] == "EXCLUDED"].set_index("trial")
    assert lost["reason"].to_dict() == {
        5: "its block failed",
        6: "fewer than 60 days with a return",
        7: "its returns never vary",
    }
    assert lost[["low", "high", "p", "q", "deflated"]].isna().all(axis=None)
    assert found.counts["EXCLUDED"] == 3
    assert found.table["state"].tolist()[-3:] == ["EXCLUDED"] * 3
    kept = frame.drop(index=[5, 6, 7]).drop(columns="excluded")
    alone = survivors(kept, np.delete(returns, [5, 6, 7], axis=0))
    assert found.table["q"].iloc[0] == alone.table["q"].iloc[0]
    assert "200 trials of tonight, 3 of them not scored" in found.rule


def test_without_skill_almost_nothing_survives():
    tonight = [survivors(sweep(seed, k=300, t=500, true=0)[0]).counts for seed in range(25)]
    assert np.mean([c["SURVIVES"] > 0 for c in tonight]) <= 0.24
    assert np.mean([c["CANDIDATE"] for c in tonight]) > 8


def test_nothing_scored_is_a_result_and_no_fault():
    frame, _ = sweep(k=4)
    frame["days"] = 10
    found = survivors(frame)
    assert found.counts == {"SURVIVES": 0, "CANDIDATE": 0, "REJECTED": 0, "EXCLUDED": 4}
    assert np.isnan(found.best)
    assert np.isnan(found.best_of_noise)


def test_formula_stands_in_where_there_are_no_returns():
    frame, returns = sweep(seed=4, true=0)
    assert survivors(frame).best_of_noise == pytest.approx(
        survivors(frame, returns).best_of_noise, rel=0.1
    )
    assert survivors(frame).noise is None


def past_of(frame, ratio=0.0):
    """Earlier trials with the shape of a set, around one Sharpe ratio a year."""
    return pd.DataFrame(
        {
            "id": [f"old{i}" for i in range(len(frame))],
            "days": frame["days"],
            "sharpe": np.random.default_rng(9).normal(ratio, 1.0, len(frame)) / np.sqrt(244),
            "skew": 0.0,
            "kurtosis": 3.0,
        }
    )


def test_what_was_tried_before_raises_every_bar():
    frame, returns = sweep(seed=5, k=300, true=3, sharpe=3.0)
    alone = survivors(frame, returns)
    after = survivors(frame, returns, past=past_of(sweep(k=5000, true=0)[0]))
    assert (alone.total, after.total, after.tried) == (300, 5300, 300)
    one, other = (v.table.set_index("trial").sort_index() for v in (alone, after))
    assert (other["deflated"] < one["deflated"]).all()
    assert (other["q"] >= one["q"]).all()
    assert after.bar > alone.bar
    found = np.isfinite(other["needed"])
    assert (other["needed"][found] > one["needed"][found]).all()
    assert after.counts["SURVIVES"] <= alone.counts["SURVIVES"]
    assert "300 trials of tonight and 5,000 earlier ones of the ledger" in after.rule
    assert after.noise.best == alone.noise.best, "tonight's best is beside tonight's noise"


def unscored(count):
    ids = [str(i) for i in range(count)]
    return pd.DataFrame({"id": ids, "days": 0, "sharpe": np.nan})


def test_a_past_without_scores_raises_every_bar_as_much_as_one_with_scores():
    """Whoever tried a million sets without keeping their scores may know the best of them."""
    frame, returns = sweep(seed=5, k=20, t=750, true=1, sharpe=3.0)
    scores = np.random.default_rng(1).normal(0, 1 / np.sqrt(750), 1_000_000)
    known = unscored(1_000_000).assign(days=750, sharpe=scores)
    bare, scored = (survivors(frame, returns, past=past) for past in (unscored(1_000_000), known))
    alone = survivors(frame, returns)
    assert alone.table["state"].iloc[0] == "SURVIVES"
    assert bare.table["state"].iloc[0] == "CANDIDATE"
    assert bare.bar >= 0.99 * scored.bar > alone.bar
    np.testing.assert_array_equal(bare.table["q"], scored.table["q"])
    best = bare.table["deflated"].iloc[0]
    assert best <= scored.table["deflated"].iloc[0] + 0.01 < alone.table["deflated"].iloc[0]
    assert (bare.total, scored.total) == (1_000_020, 1_000_020)
    assert "1,000,000 earlier ones of the ledger, 1,000,000 of them counted without" in bare.rule
    assert "counted without" not in scored.rule


def test_the_winner_of_a_sweep_that_was_not_scored_has_no_bar_of_its_own():
    """One trial tonight, the best of ten million: it does not scatter, the others did."""
    frame, returns = sweep(seed=6, k=1, t=750, true=1, sharpe=3.0)
    assert survivors(frame, returns).bar == 0.0
    after = survivors(frame, returns, past=unscored(10_000))
    chance = np.sqrt(244 / 749)
    assert after.bar == pytest.approx(chance * statistics.expected_maximum_sharpe(10_001), rel=1e-3)
    assert after.table["q"].iloc[0] > alone_q(frame, returns)


def alone_q(frame, returns):
    return survivors(frame, returns).table["q"].iloc[0]


def test_a_few_days_are_no_score():
    frame, returns = sweep(seed=5)
    few = past_of(sweep(k=40)[0]).assign(days=20)
    after = survivors(frame, returns, past=few)
    pd.testing.assert_frame_equal(after.table, survivors(frame, returns, past=unscored(40)).table)


def test_the_days_of_record_that_are_needed_are_those_of_the_paper():
    frame, returns = sweep(seed=6)
    found = survivors(frame, returns)
    row = found.table.iloc[0]
    needed = statistics.minimum_track_record_length(
        row["sharpe"] / np.sqrt(244), skew=row["skew"], kurtosis=row["kurtosis"],
        benchmark=found.bar / np.sqrt(244),
    )  # fmt: skip
    assert row["needed"] == pytest.approx(float(needed))
    worst = found.table.iloc[-1]
    assert worst["needed"] == np.inf


def test_the_ledger_knows_how_many_of_its_trials_are_independent():
    def monthly(values, first=0):
        names = [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(values.shape[1])]
        ids = [f"t{first + i}" for i in range(len(values))]
        return pd.concat([pd.DataFrame({"id": ids}), pd.DataFrame(values, columns=names)], axis=1)

    free = np.random.default_rng(0).normal(size=(40, 48))
    assert effective_of_ledger([monthly(free)]) == pytest.approx(40, rel=0.15)
    copies = monthly(free[:1].repeat(60, axis=0), first=100)
    assert effective_of_ledger([copies]) == pytest.approx(1.0)
    bare = pd.DataFrame({"id": ["x", "y"]})
    assert effective_of_ledger([copies, bare]) == pytest.approx(3.0)


@pytest.mark.parametrize("true", [0, 10])
def test_all_tests_together_find_what_is_planted_and_nothing_else(true):
    found = [survivors(*sweep(seed, k=60, t=500, true=true, sharpe=5.0)) for seed in range(8)]
    overfitting = np.array([v.overfitting.probability for v in found])
    if true:
        assert np.mean(overfitting) < 0.1
        assert all(v.superior.p < 0.05 for v in found)
        assert np.mean([v.table["stepwise"].sum() for v in found]) > 5
    else:
        assert 0.3 < np.mean(overfitting) < 0.7
        assert np.mean([v.superior.p < 0.05 for v in found]) <= 0.25
        assert np.mean([v.table["stepwise"].any() for v in found]) <= 0.25
        assert np.mean([v.counts["SURVIVES"] > 0 for v in found]) <= 0.35


def test_the_rule_is_one_sentence_with_its_numbers():
    frame, returns = sweep()
    assert survivors(frame, returns).rule == (
        "A trial survives if its Sharpe ratio is above 0 at a false discovery rate of 10% "
        "(Benjamini-Hochberg) over the 200 trials of tonight."
    )


def test_wrong_tables_are_refused():
    frame, returns = sweep(k=5)
    with pytest.raises(UserError, match="no column 'skew'"):
        survivors(frame.drop(columns="skew"))
    with pytest.raises(UserError, match="one row per trial"):
        survivors(frame, returns[:4])
    with pytest.raises(UserError, match="trial 3 stands twice"):
        survivors(frame.assign(trial=[0, 1, 2, 3, 3]))
    with pytest.raises(UserError, match="not between 0 and 1"):
        survivors(frame, level=10)
