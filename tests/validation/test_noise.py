import numpy as np
import pytest

from tasks.backtest import metrics
from tasks.errors import UserError
from tasks.validation.noise import day_counts, noise, sharpe_interval, sharpe_ratios
from tasks.validation.statistics import expected_maximum_sharpe


def test_ratios_equal_the_backtests():
    returns = np.random.default_rng(0).standard_normal((6, 200)) * 0.01
    returns[1, ::3] = np.nan
    returns[2] = 0.01
    returns[3] = np.nan
    got = sharpe_ratios(returns) * np.sqrt(244)
    np.testing.assert_allclose(got, metrics.sharpe(returns), rtol=1e-12)
    assert np.isnan(got[[2, 3]]).all()


def test_every_draw_has_every_day_count_and_runs_in_blocks():
    counts = day_counts(300, 50, 10, 1)
    assert counts.shape == (300, 50)
    assert (counts.sum(axis=0) == 300).all()
    np.testing.assert_array_equal(counts, day_counts(300, 50, 10, 1))
    # neighbours are drawn together: single days are not
    together = np.corrcoef(counts[:-1].ravel(), counts[1:].ravel())[0, 1]
    alone = day_counts(300, 50, 1, 1)
    assert together > 0.8
    assert abs(np.corrcoef(alone[:-1].ravel(), alone[1:].ravel())[0, 1]) < 0.05


def test_independent_trials_agree_with_the_formula():
    returns = np.random.default_rng(2).standard_normal((300, 1000)) * 0.01
    found = noise(returns, draws=300)
    by_formula = expected_maximum_sharpe(300, 1 / np.sqrt(1000)) * np.sqrt(244)
    assert found.best == pytest.approx(by_formula, rel=0.05)
    assert found.low < found.best < found.high
    assert found.counts.sum() == 300
    assert found.expected.sum() == pytest.approx(300)
    assert (found.expected_low <= found.expected_high).all()


def test_copies_of_one_trial_are_one_trial():
    """The formula for independent trials would ask for far more."""
    one = np.random.default_rng(3).standard_normal((1, 1000)) * 0.01
    copies = np.repeat(one, 300, axis=0)
    assert abs(noise(copies).best) < 0.15
    assert expected_maximum_sharpe(300, 1 / np.sqrt(1000)) * np.sqrt(244) > 1.3


def test_reality_check_is_calibrated_and_finds_skill():
    null, planted = [], []
    for seed in range(40):
        returns = np.random.default_rng(seed).standard_normal((50, 500)) * 0.01
        null.append(noise(returns, draws=200, seed=seed).p_best)
        returns[0] += 0.01 * 4.0 / np.sqrt(244)
        planted.append(noise(returns, draws=200, seed=seed).p_best)
    assert np.mean(np.array(null) < 0.05) < 0.15
    assert 0.35 < np.mean(null) < 0.65
    assert np.mean(np.array(planted) < 0.05) > 0.85


def test_skill_of_the_trials_is_taken_out_of_the_noise():
    random = np.random.default_rng(4)
    returns = random.standard_normal((50, 800)) * 0.01
    lifted = returns + 0.003
    assert noise(lifted).best == pytest.approx(noise(returns).best, rel=1e-6)


def test_intervals_cover_the_true_ratio():
    covered = 0
    for seed in range(80):
        random = np.random.default_rng(seed)
        returns = 0.01 * random.standard_t(5, 600) / np.sqrt(5 / 3) + 0.01 / np.sqrt(244)
        low, high = sharpe_interval(returns, draws=400, seed=seed)
        covered += low[0] <= 1.0 <= high[0]
    assert covered / 80 > 0.86


def test_intervals_keep_the_trials_order_and_leave_idle_ones_missing():
    returns = np.random.default_rng(5).standard_normal((3, 400)) * 0.01
    returns[0] += 0.002
    returns[2] = 0.0
    low, high = sharpe_interval(returns)
    ratio = metrics.sharpe(returns)
    assert low[0] < ratio[0] < high[0]
    assert low[1] < ratio[1] < high[1]
    assert np.isnan(low[2])
    assert np.isnan(high[2])


def test_no_varying_trial_is_said():
    with pytest.raises(UserError, match="no trial"):
        noise(np.zeros((3, 50)))
