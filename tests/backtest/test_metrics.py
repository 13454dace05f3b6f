"""Performance figures against their definitions, published numbers and a golden data set."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.backtest import gains, metrics, relative
from tasks.backtest.figures import summary
from tasks.backtest.metrics import Conventions
from tasks.errors import UserError

RETURNS = np.array([0.01, -0.02, 0.03, np.nan, 0.0, -0.01, 0.02])
KNOWN = RETURNS[~np.isnan(RETURNS)]


def test_against_the_definitions():
    assert metrics.total_return(RETURNS) == pytest.approx(math.prod(1 + KNOWN) - 1)
    assert metrics.annual_return(RETURNS) == pytest.approx(math.prod(1 + KNOWN) ** (244 / 6) - 1)
    assert metrics.volatility(RETURNS) == pytest.approx(np.std(KNOWN, ddof=1) * math.sqrt(244))
    ratio = KNOWN.mean() / KNOWN.std(ddof=1)
    assert metrics.sharpe(RETURNS) == pytest.approx(ratio * math.sqrt(244))
    assert metrics.t_statistic(RETURNS) == pytest.approx(ratio * math.sqrt(6))
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in KNOWN) / 6)
    assert metrics.sortino(RETURNS) == pytest.approx(KNOWN.mean() / downside * math.sqrt(244))
    assert metrics.max_drawdown(RETURNS) == pytest.approx(-0.02)
    assert metrics.hit_rate(RETURNS) == pytest.approx(3 / 5)
    assert metrics.omega(RETURNS) == pytest.approx(0.06 / 0.03)
    assert metrics.longest_drawdown(RETURNS) == 1
    assert metrics.longest_drawdown(np.array([0.1, -0.1, 0.05, -0.01, 0.3, -0.1])) == 3
    assert metrics.value_at_risk(RETURNS, 0.2) == pytest.approx(np.quantile(KNOWN, 0.2))
    assert metrics.expected_shortfall(RETURNS, 0.2) == pytest.approx(-0.015)


def test_conventions_change_what_they_name():
    sums = Conventions(compounded=False)
    assert metrics.total_return(RETURNS, sums) == pytest.approx(KNOWN.sum())
    assert metrics.annual_return(RETURNS, sums) == pytest.approx(KNOWN.mean() * 244)
    population = Conventions(ddof=0, annualisation=252)
    assert metrics.volatility(RETURNS, population) == pytest.approx(KNOWN.std() * math.sqrt(252))
    rich = Conventions(risk_free=0.03)
    daily = 1.03 ** (1 / 244) - 1
    assert metrics.sharpe(RETURNS, rich) == pytest.approx(
        (KNOWN.mean() - daily) / KNOWN.std(ddof=1) * math.sqrt(244)
    )


def test_what_cannot_be_computed_is_nan():
    for name, value in summary(np.full(5, np.nan)).items():
        assert value == 0 if name == "days" or name.startswith("longest") else np.isnan(value), name
    still = summary(np.full(10, 0.001))
    for name in ("sharpe", "sortino", "calmar", "omega", "skew", "kurtosis"):
        assert np.isnan(still[name]), name
    assert np.isnan(metrics.sharpe(np.array([0.01])))


@given(arrays(np.int64, (3, 40), elements=st.integers(-2000, 2000)))
def test_many_series_are_each_alone(basis_points):
    returns = basis_points / 1e4
    together = summary(returns)
    for row in range(3):
        for name, value in summary(returns[row]).items():
            np.testing.assert_array_equal(together[name][row], value, err_msg=name)


def test_standard_error_equals_the_paper():
    # Bailey and Lopez de Prado (2012): the standard deviation of the monthly Sharpe ratio 0.7079
    # with skew -.2250 and kurtosis 2.9570 over 134 months is 0.1028; ours from such moments.
    spread = (1 + 0.2250 * 0.7079 + (2.9570 - 1) / 4 * 0.7079**2) / 133
    assert math.sqrt(spread) == pytest.approx(0.1028, abs=5e-4)
    rng = np.random.default_rng(1)
    series = rng.standard_t(5, 500) * 0.01 + 0.0005
    single = float(metrics.sharpe(series, Conventions(annualisation=1)))
    skew, kurt = float(metrics.skew(series)), float(metrics.kurtosis(series))
    expected = math.sqrt((1 - skew * single + (kurt - 1) / 4 * single**2) / 499 * 244)
    assert metrics.sharpe_error(series) == pytest.approx(expected)


def test_the_bootstrap_is_seeded_and_covers():
    rng = np.random.default_rng(0)
    series = rng.normal(0.0005, 0.01, 1000)
    low, high = metrics.sharpe_interval(series, seed=3)
    assert (low, high) == metrics.sharpe_interval(series, seed=3)
    assert (low, high) != metrics.sharpe_interval(series, seed=4)
    assert low < metrics.sharpe(series) < high
    width = 2 * 1.96 * float(metrics.sharpe_error(series))
    assert high - low == pytest.approx(width, rel=0.15)
    assert np.isnan(metrics.sharpe_interval(series[:30])).all()
    with pytest.raises(UserError, match="takes one series"):
        metrics.sharpe_interval(series.reshape(2, 500))


@pytest.mark.slow
def test_the_bootstrap_interval_holds_its_level():
    rng = np.random.default_rng(7)
    inside = 0
    for seed in range(200):
        series = rng.normal(0.0005, 0.01, 750)
        low, high = metrics.sharpe_interval(series, draws=400, seed=seed)
        inside += low <= 0.05 * math.sqrt(244) <= high
    assert 0.90 <= inside / 200 <= 0.99


def test_equals_ffn_on_its_own_data(real_data):
    path = real_data / "golden_perf" / "ffn_test_data_aapl_msft_c_2004_2014.csv"
    closes = pd.read_csv(path, index_col=0)[["AAPL", "MSFT", "C"]].to_numpy().T
    returns = closes[:, 1:] / closes[:, :-1] - 1
    # what ffn's own tests expect of the first 10 and 11 prices, and of all of them
    fall = metrics.max_drawdown(returns[:, :9])
    np.testing.assert_allclose(fall, [-0.086, -0.048, -0.033], atol=5e-4)
    gain = metrics.total_return(returns[:, :10])
    np.testing.assert_allclose(gain, [-0.079, -0.038, 0.012], atol=5e-4)
    yearly = metrics.annual_return(returns, Conventions(annualisation=251.6))
    np.testing.assert_allclose(yearly, [0.440, 0.041, -0.205], atol=5e-4)


def test_gains_and_falls_against_their_definitions():
    up, down = KNOWN[KNOWN > 0], KNOWN[KNOWN < 0]
    assert gains.best_day(RETURNS) == 0.03
    assert gains.worst_day(RETURNS) == -0.02
    assert gains.average_gain(RETURNS) == pytest.approx(up.mean())
    assert gains.average_loss(RETURNS) == pytest.approx(down.mean())
    assert gains.payoff(RETURNS) == pytest.approx(up.mean() / -down.mean())
    assert gains.gain_to_pain(RETURNS) == pytest.approx(KNOWN.sum() / -down.sum())
    assert gains.kelly(RETURNS) == pytest.approx(0.6 - 0.4 / (up.mean() / -down.mean()))
    assert gains.longest_gains(np.array([0.1, 0.1, -0.1, 0.1])) == 2
    assert gains.longest_losses(np.array([-0.1, -0.1, 0.0, -0.1])) == 2
    falls = metrics.drawdowns(KNOWN)
    assert gains.ulcer_index(RETURNS) == pytest.approx(math.sqrt((falls**2).sum() / 5))
    assert gains.mean_drawdown(RETURNS) == pytest.approx(falls.mean())
    assert gains.stability(np.full(50, 0.01)) == pytest.approx(1.0)
    below = math.sqrt(sum(min(r, 0) ** 2 for r in KNOWN) / 6 * 244)
    assert gains.downside_deviation(RETURNS) == pytest.approx(below)


def test_relative_figures_against_their_definitions():
    rng = np.random.default_rng(3)
    market = rng.normal(0, 0.01, 250)
    returns = 1.5 * market + 0.0002
    assert relative.beta(returns, market) == pytest.approx(1.5)
    assert relative.alpha(returns, market) == pytest.approx(1.0002**244 - 1)
    assert relative.alpha(returns, market, Conventions(compounded=False)) == pytest.approx(0.0488)
    assert relative.correlation(returns, market) == pytest.approx(1.0)
    gap = returns - market
    assert relative.information_ratio(returns, market) == pytest.approx(
        gap.mean() / gap.std(ddof=1) * math.sqrt(244)
    )
    holes = market.copy()
    holes[:50] = np.nan
    assert relative.beta(returns, holes) == pytest.approx(1.5)
    with pytest.raises(UserError, match="250 days and the benchmark 10"):
        relative.beta(returns, market[:10])


def test_all_figures_have_a_name_of_their_own():
    rng = np.random.default_rng(3)
    series = rng.normal(0, 0.01, (2, 250))
    figures = summary(series, benchmark=series[0])
    assert len(figures) >= 30
    assert all(np.shape(value) == (2,) for value in figures.values())


def test_intervals_of_the_headline_figures_hold_the_truth_as_often_as_they_say():
    true, inside = 0.0006, 0
    for seed in range(60):
        returns = np.random.default_rng(seed).normal(true, 0.01, 500)
        ends = metrics.figure_intervals(returns, draws=300)
        assert set(ends) == {"annual_return", "total_return", "volatility", "max_drawdown",
                             "hit_rate"}  # fmt: skip
        assert ends["volatility"][0] < metrics.volatility(returns) < ends["volatility"][1]
        assert ends["max_drawdown"][0] <= ends["max_drawdown"][1] <= 0
        inside += (
            ends["annual_return"][0] < np.exp(244 * (true - 0.00005)) - 1 < ends["annual_return"][1]
        )
    assert inside >= 50
    assert metrics.figure_intervals(returns) == metrics.figure_intervals(returns)
    assert np.isnan(metrics.figure_intervals(returns[:30])["volatility"]).all()
