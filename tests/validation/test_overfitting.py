import itertools
import math

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.validation.overfitting import (
    overfitting_from_moments,
    probability_of_backtest_overfitting,
)


def oracle(returns, parts):
    """Loops over choices, days and trials, as the paper tells it."""
    k, t = returns.shape
    edges = np.linspace(0, t, parts + 1).astype(int)
    blocks = [returns[:, a:b] for a, b in itertools.pairwise(edges)]
    logits, losses = [], []
    for chosen in itertools.combinations(range(parts), parts // 2):
        inside = np.hstack([blocks[i] for i in chosen])
        outside = np.hstack([blocks[i] for i in range(parts) if i not in chosen])
        ratio = [r.mean() / r.std(ddof=1) for r in inside]
        best = int(np.argmax(ratio))
        there = [r.mean() / r.std(ddof=1) for r in outside]
        rank = sum(x < there[best] for x in there) + 1
        w = rank / (k + 1)
        logits.append(math.log(w / (1 - w)))
        losses.append(there[best] < 0)
    return np.array(logits), float(np.mean(losses))


def test_equals_the_loops_of_the_paper():
    returns = np.random.default_rng(0).standard_normal((12, 240)) * 0.01
    got = probability_of_backtest_overfitting(returns, 8)
    logits, losses = oracle(returns, 8)
    np.testing.assert_allclose(got.logits, logits, atol=1e-12)
    assert got.probability == pytest.approx(np.mean(logits <= 0))
    assert got.loss_probability == pytest.approx(losses)
    assert (got.trials, got.choices) == (12, 70)


def test_moments_of_the_parts_give_the_same():
    returns = np.random.default_rng(1).standard_normal((20, 320)) * 0.01
    returns[3, 10:40] = np.nan
    one = probability_of_backtest_overfitting(returns, 10)
    parts = np.split(returns, 10, axis=1)
    moments = [
        np.stack([np.isfinite(p).sum(axis=1) for p in parts], axis=1),
        np.stack([np.nansum(p, axis=1) for p in parts], axis=1),
        np.stack([np.nansum(p * p, axis=1) for p in parts], axis=1),
    ]
    two = overfitting_from_moments(*moments)
    np.testing.assert_allclose(one.logits, two.logits, atol=1e-12)


def test_without_skill_the_choice_tells_nothing_and_with_skill_it_does():
    null, planted = [], []
    for seed in range(25):
        returns = np.random.default_rng(seed).standard_normal((100, 1000)) * 0.01
        null.append(probability_of_backtest_overfitting(returns, 10).probability)
        returns[7] += 0.01 * 3.0 / np.sqrt(244)
        planted.append(probability_of_backtest_overfitting(returns, 10).probability)
    assert 0.4 < np.mean(null) < 0.62
    assert np.mean(planted) < 0.1


def test_trials_that_never_vary_are_no_choice():
    returns = np.random.default_rng(2).standard_normal((5, 100)) * 0.01
    idle = np.vstack([returns, np.zeros((2, 100)), np.full((1, 100), np.nan)])
    got = probability_of_backtest_overfitting(idle, 4)
    assert got.trials == 5
    assert got.probability == probability_of_backtest_overfitting(returns, 4).probability
    with pytest.raises(UserError, match="1 trials"):
        probability_of_backtest_overfitting(idle[4:], 4)


def test_wrong_parts_are_refused():
    returns = np.ones((3, 100))
    for parts in (3, 0):
        with pytest.raises(UserError, match="even number"):
            probability_of_backtest_overfitting(returns, parts)
    with pytest.raises(UserError, match="too short"):
        probability_of_backtest_overfitting(returns, 60)


def test_order_of_trials_and_scale_of_returns_do_not_matter():
    returns = np.random.default_rng(3).standard_normal((30, 200)) * 0.01
    base = probability_of_backtest_overfitting(returns, 6)
    turned = probability_of_backtest_overfitting(returns[::-1] * 7, 6)
    np.testing.assert_allclose(base.logits, turned.logits, atol=1e-12)
