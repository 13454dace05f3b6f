import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from tasks.backtest import metrics
from tasks.errors import UserError
from tasks.validation import statistics
from tasks.validation.trials import STATES, survivors


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


def test_the_ledger_raises_the_bar_of_the_deflated_ratio():
    frame, returns = sweep(seed=5)
    alone = survivors(frame, returns)
    after = survivors(frame, returns, ledger_trials=50_000)
    first = alone.table.iloc[0], after.table.iloc[0]
    assert first[1]["deflated"] < first[0]["deflated"]
    assert "50,000 trials since the ledger began" in after.rule
    assert first[1]["q"] == first[0]["q"]


def test_the_rule_is_one_sentence_with_its_numbers():
    frame, returns = sweep()
    assert survivors(frame, returns).rule == (
        "A trial survives if its net Sharpe ratio is above 0 at a false discovery rate of 10% "
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
