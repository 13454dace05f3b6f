import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.models import walkforward
from tasks.models.config import TrainConfig
from tasks.models.dataset import Block, dataset
from tasks.models.means import estimate_mean
from tasks.models.scores import daily_ic
from tasks.models.trainers.base import fit
from tasks.models.walkforward import (
    assemble,
    fit_fold,
    folds,
    production_fit,
    rank_tomorrow,
    walk_forward,
)

windows = st.builds(
    TrainConfig,
    train_days=st.sampled_from([0, 25, 60]),
    min_train_days=st.integers(20, 60),
    test_days=st.integers(1, 50),
    valid_days=st.integers(0, 30),
    embargo=st.integers(0, 5),
)


@given(windows, st.integers(1, 22), st.integers(150, 400), st.integers(0, 30))
def test_no_training_label_reaches_a_scored_day(config, span, days, start):
    try:
        found = folds(days, config, span=span, start=start)
    except UserError:
        return
    gap = span + config.embargo
    for f in found:
        assert start <= f.train_start < f.train_stop <= f.valid_start <= f.valid_stop
        # the last training day's label ends before the first scored day, embargo between
        held = f.valid_start if config.valid_days else f.test_start
        assert f.train_stop - 1 + gap < held
        assert f.valid_stop - 1 + gap < f.test_start
        assert f.valid_stop - f.valid_start == config.valid_days
        if config.train_days:
            assert f.train_stop - f.train_start <= config.train_days
        else:
            assert f.train_start == start
            assert f.train_stop - f.train_start >= config.min_train_days
    # test windows cover every labelled day from the first on, once
    assert [f.test_start for f in found[1:]] == [f.test_stop for f in found[:-1]]
    assert found[-1].test_stop == days - span
    assert [f.number for f in found] == list(range(len(found)))


def test_nothing_after_a_stop_is_used(small):
    days, span = 300, 2
    for f in folds(days, small, span=span, stop=250):
        assert f.test_stop - 1 + span < 250


def test_too_short_a_history_is_said_in_one_sentence(small):
    with pytest.raises(UserError, match=r"needs 10\d sessions .* and has 50: load a longer"):
        folds(50, small)
    needed = next(n for n in range(20, 200) if _fits(n, small))
    with pytest.raises(UserError, match=f"needs {needed} sessions"):
        folds(needed - 1, small)


def _fits(n, config):
    try:
        return bool(folds(n, config))
    except UserError:
        return False


@pytest.mark.parametrize("model", ["lightgbm", "xgboost", "pytorch"])
def test_walk_forward_finds_a_planted_signal(market, small, model):
    config = small.model_copy(update={"model": model})
    walk = walk_forward(market.data(), config)
    ic = estimate_mean(daily_ic(walk.predictions, market.returns, ranked=True))
    known = np.isfinite(walk.predictions)
    best = estimate_mean(
        daily_ic(np.where(known, market.signal, np.nan), market.returns, ranked=True)
    )
    assert ic.mean > 0.5 * best.mean
    assert ic.t > 4


@pytest.mark.parametrize("model", ["lightgbm", "xgboost", "pytorch"])
def test_a_changed_future_leaves_a_folds_model_alone(market, small, model):
    """Everything after the last price of the last training label may be anything."""
    config = small.model_copy(update={"model": model})
    before = market.data()
    fold = folds(len(before.dates), config, span=before.span)[0]
    known_until = fold.train_stop + before.span
    for v in market.features.values():
        v[fold.train_stop :] = (
            np.random.default_rng(3).standard_normal(v[fold.train_stop :].shape) * 9
        )
    # labels of training days end with the price of day known_until - 1
    market.returns[known_until - before.span :] *= -5
    after = market.data()
    assert fit_fold(fold, before, config).model == fit_fold(fold, after, config).model


def test_a_changed_past_changes_the_model(market, small):
    """The test above would also pass if models ignored their data."""
    before = market.data()
    fold = folds(len(before.dates), small, span=before.span)[0]
    market.returns[fold.train_stop - 1] *= -1
    assert fit_fold(fold, before, small).model != fit_fold(fold, market.data(), small).model


def test_a_planted_leak_shows_as_an_impossible_score(market, small):
    market.features["leak"] = market.returns + 0.001
    walk = walk_forward(market.data(), small)
    assert np.nanmean(daily_ic(walk.predictions, market.returns, ranked=True)) > 0.8
    worst = min(r.scores["test"].rank_ic for r in walk.results)
    assert worst > 0.8


def test_overlapping_labels_and_slow_features_do_not_fool_purged_folds():
    """Pure noise with a 20-day label: shuffled days look brilliant, purged folds do not."""
    days, n, span = 420, 30, 20
    random = np.random.default_rng(4)
    steps = random.standard_normal((days + span, n))
    total = np.vstack([np.zeros(n), np.cumsum(steps, axis=0)])
    returns = total[span : span + days] - total[:days]
    returns[-span:] = np.nan
    slow = {f"s{i}": np.cumsum(random.standard_normal((days, n)), axis=0) for i in range(5)}
    dates = np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")[:days]
    block = Block(tuple(f"n{i:02d}" for i in range(n)), slow)
    data = dataset([block], returns, dates, span=span, preprocess="none", label_transform="none")
    config = TrainConfig(
        min_train_days=150, test_days=60, valid_days=0, rounds=60, learning_rate=0.2, min_leaf=5,
        leaves=31, preprocess="none", label_transform="none",
    )  # fmt: skip
    walk = walk_forward(data, config)
    honest = np.nanmean(daily_ic(walk.predictions, returns))
    # the same model trained on every other day and scored on the days between
    known = ~np.isnan(data.y)
    odd = data.day % 2 == 1
    model = fit(config, data.X[known & odd], data.y[known & odd])
    rows = known & ~odd
    fooled = np.corrcoef(model.predict(data.X[rows]), data.y[rows])[0, 1]
    assert fooled > 0.3
    assert abs(honest) < 0.1


def test_order_and_place_of_the_folds_do_not_matter(market, small):
    data = market.data()
    one = walk_forward(data, small)
    with ThreadPoolExecutor(2) as pool:
        two = walk_forward(data, small, map=pool.map)
    turned = assemble(data, reversed(one.results))
    for other in (two, turned):
        np.testing.assert_array_equal(one.predictions, other.predictions)
        assert [r.model for r in one.results] == [r.model for r in other.results]


def test_predictions_cover_the_test_windows_and_nothing_else(market, small):
    data = market.data()
    walk = walk_forward(data, small)
    inside = np.zeros(len(data.dates), dtype=bool)
    for r in walk.results:
        inside[r.fold.test_start : r.fold.test_stop] = True
    assert np.isfinite(walk.predictions[inside]).all()
    assert np.isnan(walk.predictions[~inside]).all()


def test_scores_of_a_fold_are_those_of_its_predictions(market, small):
    data = market.data()
    r = walk_forward(data, small).results[0]
    days = slice(r.fold.test_start, r.fold.test_stop)
    grid = data.grid(r.predictions, slice(*r.rows))
    ic = daily_ic(grid[days], market.returns[days], ranked=True)
    assert r.scores["test"].rank_ic == pytest.approx(np.nanmean(ic), abs=1e-12)
    assert r.scores["test"].days == np.isfinite(ic).sum()
    assert r.scores["test"].low < r.scores["test"].rank_ic < r.scores["test"].high
    assert r.scores["train"].rank_ic > r.scores["test"].rank_ic
    assert sum(r.importance.values()) == pytest.approx(1.0)


def test_production_trains_up_to_tonight_and_ranks_the_last_day(market, small):
    data = market.data()
    made = production_fit(data, small)
    days = len(data.dates)
    assert (made.train_start, made.train_stop) == (0, days - data.span)
    table = rank_tomorrow(data, made.model, small)
    n = len(market.symbols)
    assert table["rank"].tolist() == list(range(1, n + 1))
    assert table["score"].is_monotonic_decreasing
    assert sorted(table["symbol"]) == sorted(market.symbols)
    assert table["quantile"].iloc[0] == small.n_quantiles
    assert table["quantile"].iloc[-1] == 1
    assert table["quantile"].value_counts().tolist() == [n // 5] * 5
    order = np.argsort(-market.signal[-1])[: n // 3]
    top = set(table["symbol"].head(n // 3))
    assert len(top & {market.symbols[i] for i in order}) > n / 9


def test_production_keeps_a_rolling_window(market, small):
    config = small.model_copy(update={"train_days": 100})
    made = production_fit(market.data(), config)
    assert made.train_stop - made.train_start == 100


def test_production_uses_the_newest_labels_and_not_tomorrow(market, small):
    data = market.data()
    base = production_fit(data, small).model
    y = data.y.copy()
    newest = data.rows(len(data.dates) - data.span - 1, len(data.dates) - data.span)
    y[newest] *= -1
    assert production_fit(dataclasses.replace(data, y=y), small).model != base


def test_nobody_to_rank_is_said(market, small):
    eligible = np.ones(market.returns.shape, dtype=bool)
    eligible[-1] = False
    data = market.data(eligible=eligible)
    made = production_fit(data, small)
    with pytest.raises(UserError, match="no symbol is eligible on 2020-09-16"):
        rank_tomorrow(data, made.model, small)


def test_an_unlabelled_window_is_said(market, small):
    market.returns[:120] = np.nan
    data = market.data()
    fold = folds(len(data.dates), small)[0]
    with pytest.raises(UserError, match="no labelled rows"):
        fit_fold(fold, data, small)


def test_scoring_predicts_few_days_of_a_long_window(market, small):
    assert walkforward.SCORED_DAYS < 200
    made = production_fit(market.data(), small)
    assert 60 <= made.score.days <= walkforward.SCORED_DAYS
