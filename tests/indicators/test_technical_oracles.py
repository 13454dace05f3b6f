"""Kernels against slow, obvious definitions, where TA-Lib itself loses precision or has none."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.indicators import technical


def windows(x, n):
    return [(t, x[t - n + 1 : t + 1]) for t in range(n - 1, len(x))]


@pytest.mark.parametrize("n", [2, 5, 20, 61])
def test_stddev_is_that_of_each_window(n):
    x = np.random.default_rng(0).lognormal(3, 1, 300)
    ours = technical.stddev(x, n)
    for t, window in windows(x, n):
        assert ours[t] == pytest.approx(window.std(), rel=1e-12)


def test_stddev_keeps_its_precision_on_a_high_level():
    """Running sums of squares, as in TA-Lib, keep no digit here; anchored sums keep ten."""
    noise = np.random.default_rng(0).normal(0, 1e-3, 3000)
    ours = technical.stddev(1e6 + noise, 20)
    for t, window in windows(1e6 + noise, 20):
        assert ours[t] == pytest.approx((window - 1e6).std(), rel=1e-9)


def test_a_locked_price_has_exactly_no_deviation():
    x = np.concatenate([np.random.default_rng(0).normal(10, 1, 33), np.full(40, 7.7)])
    assert (technical.stddev(x, 20)[33 + 19 :] == 0.0).all()
    assert (technical.stddev(x, 20)[19 : 33 + 18] > 0.0).all()
    assert (technical.correl(x, x**2, 20)[33 + 19 :] == 0.0).all()


@pytest.mark.parametrize("n", [2, 5, 30])
def test_correl_is_that_of_each_window(n):
    rng = np.random.default_rng(1)
    x, noise = rng.normal(5, 1, (2, 300))
    y = x + noise
    ours = technical.correl(x, y, n)
    for t in range(n - 1, 300):
        expected = np.corrcoef(x[t - n + 1 : t + 1], y[t - n + 1 : t + 1])[0, 1]
        assert ours[t] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("n", [2, 3, 10, 119])
def test_extremes_are_those_of_each_window(n):
    x = np.random.default_rng(2).normal(size=500)
    highest, lowest = technical.max(x, n), technical.min(x, n)
    assert np.isnan(highest[: n - 1]).all()
    for t, window in windows(x, n):
        assert highest[t] == window.max()
        assert lowest[t] == window.min()


def test_wma_weighs_the_newest_day_most():
    x = np.random.default_rng(3).normal(100, 5, 200)
    weights = np.arange(1, 11)
    for t, window in windows(x, 10):
        assert technical.wma(x, 10)[t] == pytest.approx(window @ weights / weights.sum(), rel=1e-13)


def test_rsi_by_its_definition():
    x = np.random.default_rng(4).normal(100, 5, 100)
    moves = np.diff(x)
    gain, loss = np.maximum(moves, 0)[:14].mean(), np.maximum(-moves, 0)[:14].mean()
    for t in range(14, 100):
        if t > 14:
            gain = (gain * 13 + max(moves[t - 1], 0)) / 14
            loss = (loss * 13 + max(-moves[t - 1], 0)) / 14
        assert technical.rsi(x)[t] == pytest.approx(100 - 100 / (1 + gain / loss), rel=1e-12)
