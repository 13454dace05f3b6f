"""Scores to target weights."""

import numpy as np

from tasks.backtest.config import PortfolioConfig
from tasks.backtest.targets import signal_weights, top_k_targets


def config(**changes):
    given = {"top_k": 2, "keep_k": 3, "rebalance_days": 2, "max_weight": 1.0}
    return PortfolioConfig(**given | changes)


def test_the_best_are_held_and_kept_while_well_ranked():
    scores = np.array(
        [[4.0, 3, 2, 1], [0, 0, 0, 9], [1, 3, 4, 2], [0, 0, 0, 0], [2, 1, 4, 3], [1, 1, 1, 1]]
    )
    weights = top_k_targets(scores, config())
    assert np.isnan(weights[1::2]).all()
    np.testing.assert_array_equal(weights[0], [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(weights[2], [0, 0.5, 0.5, 0])  # 0 is last, 1 is second and stays
    np.testing.assert_array_equal(weights[4], [0, 0, 0.5, 0.5])  # 1 is last and leaves


def test_missing_scores_are_not_held_and_the_rest_is_cash():
    scores = np.full((3, 4), np.nan)
    scores[1] = [np.nan, 1.0, np.nan, np.nan]
    weights = top_k_targets(scores, config(max_weight=0.3, rebalance_days=1))
    assert np.isnan(weights[[0, 2]]).all()
    np.testing.assert_array_equal(weights[1], [0, 0.3, 0, 0])


def test_ties_are_broken_by_column_and_weights_sum_to_one():
    weights = top_k_targets(np.zeros((1, 5)), config(top_k=3, keep_k=3))
    np.testing.assert_allclose(weights, [[1 / 3, 1 / 3, 1 / 3, 0, 0]])


def test_a_row_uses_its_own_scores_only():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 20))
    whole = top_k_targets(scores, config())
    np.testing.assert_array_equal(top_k_targets(scores[:20], config()), whole[:20])


def test_equal_parts_of_signals_are_set_when_their_set_changes():
    signals = np.array([[1, -1, np.nan], [2, 0, -3], [1, 1, 0], [0, np.nan, -1], [0, 0, 0.5]])
    expected = [[1, 0, 0], [np.nan] * 3, [0.5, 0.5, 0], [0, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(signal_weights(signals), expected)
    nothing = signal_weights(np.zeros((2, 2)))
    np.testing.assert_array_equal(nothing, [[0, 0], [np.nan, np.nan]])
