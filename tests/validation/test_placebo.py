import dataclasses

import numpy as np
import pytest

from tasks.models.config import TrainConfig
from tasks.models.dataset import Block, dataset
from tasks.models.means import estimate_mean
from tasks.models.scores import daily_ic
from tasks.models.walkforward import walk_forward
from tasks.validation.placebo import Placebo, placebo, shuffle_labels

SMALL = TrainConfig(min_train_days=80, test_days=80, valid_days=0, rounds=20, min_leaf=50)


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    signal = random.standard_normal((300, 60))
    returns = 0.02 * (0.5 * signal + random.standard_normal(signal.shape))
    returns[random.random(returns.shape) < 0.05] = np.nan
    returns[-2:] = np.nan
    features = {"good": signal, "noise": random.standard_normal(signal.shape)}
    dates = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")[:300]
    return dataset([Block(tuple(f"s{i:02d}" for i in range(60)), features)], returns, dates)


def test_labels_stay_in_their_day_and_holes_where_they_are(data):
    mixed = shuffle_labels(data, 1)
    np.testing.assert_array_equal(np.isnan(mixed.y), np.isnan(data.y))
    for t in range(300):
        rows = data.rows(t, t + 1)
        np.testing.assert_array_equal(np.sort(mixed.y[rows]), np.sort(data.y[rows]))
        np.testing.assert_array_equal(np.sort(mixed.returns[rows]), np.sort(data.returns[rows]))
    moved = mixed.y[~np.isnan(data.y)] != data.y[~np.isnan(data.y)]
    assert moved.mean() > 0.9
    assert shuffle_labels(data, 1).y.tobytes() == mixed.y.tobytes()
    assert shuffle_labels(data, 2).y.tobytes() != mixed.y.tobytes()
    assert data.y is not mixed.y


def test_nothing_is_found_in_shuffled_labels_of_a_market_with_a_signal(data):
    walk = walk_forward(data, SMALL)
    grid = data.grid(data.returns, slice(0, len(data.day)))
    assert estimate_mean(daily_ic(walk.predictions, grid, ranked=True)).t > 10
    found = placebo(data, SMALL, seeds=(1, 2, 3, 4, 5))
    assert found.ok
    assert len(found.t) == 5
    assert "finds nothing, as it must" in found.sentence


def test_labels_that_reach_the_features_are_noticed(data):
    """The fault the placebo is for: a feature made from the very labels that are trained on."""
    mixed = shuffle_labels(data, 1)
    leaking = dataclasses.replace(mixed, X=np.ascontiguousarray(
        np.column_stack([mixed.X[:, 0], np.nan_to_num(mixed.y)]).astype(np.float32)))  # fmt: skip
    walk = walk_forward(leaking, SMALL)
    grid = mixed.grid(mixed.returns, slice(0, len(mixed.day)))
    t = estimate_mean(daily_ic(walk.predictions, grid, ranked=True)).t
    assert not Placebo((0.5,), (t,)).ok
    assert "labels reach the features" in Placebo((0.5,), (t,)).sentence


def test_a_placebo_without_a_score_is_not_ok():
    assert not Placebo((), ()).ok
    assert not Placebo((float("nan"),), (float("nan"),)).ok
