"""Printed numbers of the papers, equality with scipy, and calibration where nothing was printed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from tasks.backtest import metrics
from tasks.errors import UserError
from tasks.validation import statistics as v


def test_expected_maximum_of_a_hundred_normals():
    assert v.expected_maximum_sharpe(100) == pytest.approx(2.5306028932016846, rel=1e-14)
    assert v.expected_maximum_sharpe(100, 0.5) == pytest.approx(2.5306028932016846 / 2)


@pytest.mark.parametrize("n", [5, 20, 100, 1000])
def test_expected_maximum_equals_a_simulation(n):
    draws = np.random.default_rng(n).standard_normal((20_000, n)).max(axis=1)
    assert v.expected_maximum_sharpe(n) == pytest.approx(draws.mean(), rel=0.025)


def test_the_best_of_one_or_fewer_than_two_trials_is_no_search():
    assert v.expected_maximum_sharpe(1) == 0.0
    assert v.expected_maximum_sharpe(0.3) == 0.0
    assert 0.0 <= v.expected_maximum_sharpe(1.4) < v.expected_maximum_sharpe(2.0)


def test_probabilistic_sharpe_ratio_of_the_paper():
    fund = {"skew": -2.448, "kurtosis": 10.164}
    psr = v.probabilistic_sharpe_ratio(1.585 / np.sqrt(12), 24, **fund)
    assert psr == pytest.approx(0.91323430688486018, rel=1e-13)
    assert round(float(v.probabilistic_sharpe_ratio(0.458, 24)), 3) == 0.982
    assert round(float(v.probabilistic_sharpe_ratio(0.458, 24, **fund)), 3) == 0.913


def test_the_newer_convention_gives_its_own_number():
    # the same fund, given by mean 3.6 % and deviation 7.9 % a month
    newer = v.probabilistic_sharpe_ratio(
        0.036 / 0.079, 24, skew=-2.448, kurtosis=10.164, convention="2025"
    )
    assert round(float(newer), 3) == 0.987
    with pytest.raises(UserError, match="'2019'"):
        v.probabilistic_sharpe_ratio(0.1, 24, convention="2019")


def test_deflated_sharpe_ratio_of_the_paper():
    year = 250
    dsr = v.deflated_sharpe_ratio(
        2.5 / np.sqrt(year), 1250,
        n_trials=100, trials_std=np.sqrt(0.5 / year), skew=-3, kurtosis=10,
    )  # fmt: skip
    assert dsr == pytest.approx(0.90039683444939034, rel=1e-13)
    benchmark = v.expected_maximum_sharpe(100, np.sqrt(0.5 / year))
    assert round(float(benchmark), 6) == 0.113172


@pytest.mark.parametrize(
    ("sharpe", "benchmark", "periods", "shape", "years"),
    [
        (2.0, 1.0, 250, {}, 2.7311878017281761),
        (2.0, 1.0, 52, {}, 2.8288335869452368),
        (3.0, 2.5, 12, {"skew": -0.72, "kurtosis": 5.78}, 27.352920196040301),
    ],
)
def test_minimum_track_record_of_the_paper(sharpe, benchmark, periods, shape, years):
    root = np.sqrt(periods)
    got = v.minimum_track_record_length(sharpe / root, benchmark=benchmark / root, **shape)
    assert got / periods == pytest.approx(years, rel=1e-13)


@pytest.mark.parametrize(
    ("sharpe", "skew", "kurtosis", "error", "years"),
    [(0.7079, -0.2250, 2.9570, 0.1028, 0.7152), (0.8183, -1.4455, 7.0497, 0.1550, 1.1593)],
)
def test_standard_errors_and_track_records_of_the_paper(sharpe, skew, kurtosis, error, years):
    shape = {"skew": skew, "kurtosis": kurtosis}
    assert round(float(v.sharpe_standard_error(sharpe, 134, **shape)), 4) == error
    assert round(float(v.minimum_track_record_length(sharpe, **shape)) / 12, 4) == years


def test_a_ratio_below_the_benchmark_never_has_a_long_enough_record():
    assert v.minimum_track_record_length(0.1, benchmark=0.1) == np.inf
    assert v.minimum_track_record_length(-0.1) == np.inf
    assert np.isnan(v.minimum_track_record_length(np.nan))


def test_minimum_track_record_is_where_the_probability_is_reached():
    for sharpe in (0.05, 0.1, 0.3):
        n = v.minimum_track_record_length(sharpe, skew=-0.5, kurtosis=6)
        assert v.probabilistic_sharpe_ratio(sharpe, n, skew=-0.5, kurtosis=6) == pytest.approx(0.95)


def test_minimum_backtest_length_of_the_paper():
    assert v.minimum_backtest_length(45) == pytest.approx(4.9980870044434038, rel=1e-12)
    assert v.minimum_backtest_length(45, 2.0) == pytest.approx(4.9980870044434038 / 4)


def test_standard_error_agrees_with_the_backtests():
    returns = np.random.default_rng(0).standard_t(4, (5, 500)) * 0.01 + 0.0005
    single = metrics.sharpe(returns) / np.sqrt(244)
    error = v.sharpe_standard_error(
        single, 500, skew=metrics.skew(returns), kurtosis=metrics.kurtosis(returns)
    )
    np.testing.assert_allclose(error * np.sqrt(244), metrics.sharpe_error(returns), rtol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from(["bh", "by"]))
def test_false_discovery_equals_scipy(p, method):
    np.testing.assert_allclose(
        v.false_discovery(p, method), false_discovery_control(p, method=method), rtol=1e-12
    )


def test_untested_hypotheses_do_not_count():
    p = np.array([0.01, np.nan, 0.04, np.nan, 0.5])
    got = v.false_discovery(p)
    np.testing.assert_allclose(got[[0, 2, 4]], false_discovery_control([0.01, 0.04, 0.5]))
    assert np.isnan(got[[1, 3]]).all()
    assert np.isnan(v.false_discovery([np.nan])).all()
    with pytest.raises(UserError, match=r"outside \[0, 1\]"):
        v.false_discovery([0.5, 1.2])
    with pytest.raises(UserError, match="'holm'"):
        v.false_discovery([0.5], "holm")


@pytest.mark.parametrize("method", ["bh", "by"])
def test_hypotheses_that_found_nothing_need_not_be_listed(method):
    p = np.array([0.001, np.nan, 0.03, 0.2, 1.0])
    listed = v.false_discovery(np.concatenate([p, np.ones(700)]), method)[:5]
    np.testing.assert_array_equal(v.false_discovery(p, method, nothing_found=700), listed)


def test_false_discovery_rate_is_held_and_the_true_ones_are_found():
    """1,000 ICs of 500 days, 50 of them true."""
    random = np.random.default_rng(1)
    rates, powers, naive = [], [], []
    for _ in range(40):
        t = random.standard_normal(1000)
        t[:50] += 4.5
        p = 1.0 - v.probabilistic_sharpe_ratio(t / np.sqrt(500), 501)
        found = v.false_discovery(p) <= 0.1
        rates.append(found[50:].sum() / max(found.sum(), 1))
        powers.append(found[:50].mean())
        naive.append((p[50:] < 0.05).sum())
    assert np.mean(rates) < 0.12
    assert np.mean(powers) > 0.85
    assert np.mean(naive) > 40


def noise_trials(seed, k=100, t=1000, planted=0.0):
    returns = np.random.default_rng(seed).standard_normal((k, t)) * 0.01
    returns[0] += 0.01 * planted / np.sqrt(244)
    return returns


def deflated_best(returns):
    ratios = metrics.sharpe(returns) / np.sqrt(244)
    best = int(ratios.argmax())
    shape = {"skew": metrics.skew(returns)[best], "kurtosis": metrics.kurtosis(returns)[best]}
    deflated = v.deflated_sharpe_ratio(
        ratios[best], returns.shape[1], n_trials=len(ratios), trials_std=ratios.std(ddof=1), **shape
    )
    naive = v.probabilistic_sharpe_ratio(ratios[best], returns.shape[1], **shape)
    return float(deflated), float(naive)


def test_the_best_of_a_hundred_without_skill_passes_naively_and_not_deflated():
    found = np.array([deflated_best(noise_trials(seed)) for seed in range(60)])
    assert (found[:, 1] > 0.95).mean() > 0.9
    assert (found[:, 0] > 0.95).mean() <= 0.05


def test_a_planted_sharpe_of_three_passes_deflated():
    found = [deflated_best(noise_trials(seed, planted=3.0, t=2000))[0] for seed in range(40)]
    assert np.mean(np.array(found) > 0.95) > 0.85


@pytest.mark.parametrize("seed", range(3))
def test_effective_trials_of_known_structures(seed):
    random = np.random.default_rng(seed)
    independent = random.standard_normal((120, 2000))
    assert v.effective_trials(independent) == pytest.approx(120, rel=0.03)
    copies = np.repeat(random.standard_normal((1, 2000)), 50, axis=0)
    assert v.effective_trials(copies) == pytest.approx(1.0, rel=1e-9)
    groups = np.repeat(random.standard_normal((6, 2000)), 20, axis=0)
    assert v.effective_trials(groups) == pytest.approx(6.0, rel=0.03)
    many = random.standard_normal((400, 150))
    assert v.effective_trials(many) > 300


def test_effective_trials_ignore_scale_shift_and_idle_trials():
    x = np.random.default_rng(5).standard_normal((30, 400))
    x[1] = 0.7 * x[0] + 0.3 * x[1]
    base = v.effective_trials(x)
    assert v.effective_trials(x * np.arange(1, 31)[:, None] + 5.0) == pytest.approx(base)
    idle = np.vstack([x, np.zeros((4, 400)), np.full((1, 400), np.nan)])
    assert v.effective_trials(idle) == pytest.approx(base)
    assert v.effective_trials(np.zeros((3, 10))) == 0.0


def test_missing_values_stay_missing():
    assert np.isnan(v.probabilistic_sharpe_ratio(np.nan, 100))
    got = v.deflated_sharpe_ratio([0.1, np.nan], 100, n_trials=10, trials_std=0.1)
    assert np.isfinite(got[0])
    assert np.isnan(got[1])
