import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.models import evaluate
from tasks.models.config import TrainConfig
from tasks.models.dataset import Block, dataset
from tasks.models.labels import labels
from tasks.models.means import estimate_mean, newey_west_lags, newey_west_se
from tasks.models.scores import daily_ic, score
from tasks.models.walkforward import walk_forward


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    x = random.standard_normal((40, 25)).round(1)
    y = 0.3 * x + random.standard_normal((40, 25)).round(1)
    x[random.random(x.shape) < 0.2] = np.nan
    y[random.random(y.shape) < 0.2] = np.nan
    x[5], y[6, 4:], x[7] = np.nan, np.nan, 0.1
    return x, y


@pytest.mark.parametrize(("ranked", "peer"), [(False, pearsonr), (True, spearmanr)])
def test_daily_ic_equals_scipy_day_by_day(pair, ranked, peer):
    x, y = pair
    got = daily_ic(x, y, ranked=ranked)
    for t in range(len(x)):
        both = np.isfinite(x[t]) & np.isfinite(y[t])
        if both.sum() < 5 or len(set(x[t][both])) == 1:
            assert np.isnan(got[t])
        else:
            assert got[t] == pytest.approx(peer(x[t][both], y[t][both]).statistic, abs=1e-12)
    assert np.isnan(got[[5, 6, 7]]).all()


def test_daily_rank_ic_equals_pandas_as_alphalens_takes_it(pair):
    """alphalens groups by date and takes spearmanr of factor and forward return."""
    x, y = pair
    frame = pd.DataFrame(
        {"t": np.repeat(np.arange(40), 25), "factor": x.ravel(), "ret": y.ravel()}
    ).dropna()
    keep = frame.groupby("t")["factor"].transform(lambda s: len(s) >= 5 and s.nunique() > 1)
    want = (
        frame[keep]
        .groupby("t")[["factor", "ret"]]
        .apply(lambda g: g["factor"].corr(g["ret"], method="spearman"))
    )
    got = daily_ic(x, y, ranked=True)
    np.testing.assert_allclose(got[np.isfinite(got)], want.to_numpy(), atol=1e-12)


@pytest.mark.parametrize("n", range(5, 40))
def test_equal_values_have_no_correlation_however_their_mean_rounds(n):
    """0.1 summed n times over n is not always 0.1, and the rest must not pass for spread."""
    y = np.random.default_rng(n).standard_normal((1, n))
    assert np.isnan(daily_ic(np.full((1, n), 0.1), y)).all()
    assert np.isnan(daily_ic(y, np.full((1, n), 0.1), ranked=True)).all()


def test_score_of_rows_equals_the_grid(pair):
    x, y = pair
    day, column = np.nonzero(np.isfinite(x))
    got = score(day.astype(np.int32), x[day, column], y[day, column])
    ic, ranked = daily_ic(x, y), daily_ic(x, y, ranked=True)
    assert got.ic == pytest.approx(np.nanmean(ic))
    assert got.rank_ic == pytest.approx(np.nanmean(ranked))
    assert got.days == np.isfinite(ranked).sum()
    empty = score(np.empty(0, np.int32), np.empty(0), np.empty(0))
    assert empty.days == 0
    assert math.isnan(empty.rank_ic)


def newey_west_oracle(x, lags):
    """Every pair of days, weighted by 1 - distance / (lags + 1)."""
    n, d = len(x), x - x.mean()
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += max(0.0, 1 - abs(i - j) / (lags + 1)) * d[i] * d[j]
    return math.sqrt(total) / n


@pytest.mark.parametrize("lags", [0, 1, 4, 11])
def test_newey_west_equals_the_double_sum(lags):
    x = np.random.default_rng(1).standard_normal(80).cumsum() * 0.1
    assert newey_west_se(x, lags) == pytest.approx(newey_west_oracle(x, lags), rel=1e-12)


def test_newey_west_without_lags_is_the_usual_error():
    x = np.random.default_rng(2).standard_normal(50)
    assert newey_west_se(x, 0) == pytest.approx(x.std() / math.sqrt(50))


def test_newey_west_intervals_cover_the_truth_where_usual_ones_do_not():
    """Means of overlapping returns, the case it is for."""
    random = np.random.default_rng(3)
    covered, naive = 0, 0
    for _ in range(300):
        shocks = random.standard_normal(510)
        x = np.convolve(shocks, np.ones(5) / 5, mode="valid")
        e = estimate_mean(x, overlap=5)
        covered += e.low <= 0 <= e.high
        usual = x.std(ddof=1) / math.sqrt(len(x))
        naive += abs(x.mean()) <= 1.96 * usual
    assert covered / 300 > 0.88
    assert naive / 300 < 0.75


def test_lags_grow_with_the_sample_and_cover_the_overlap():
    assert newey_west_lags(100) == 4
    assert newey_west_lags(500) == 5
    assert newey_west_lags(500, overlap=20) == 19
    assert newey_west_lags(3, overlap=20) == 2


def test_estimates_of_nothing_are_missing_and_not_zero():
    for values in (np.array([]), np.array([np.nan, np.nan])):
        e = estimate_mean(values)
        assert e.n == 0
        assert all(math.isnan(v) for v in (e.mean, e.se, e.t, e.low, e.high, e.ir))
    one = estimate_mean(np.array([2.0]))
    assert one.mean == 2.0
    assert math.isnan(one.se)


def test_monthly_means_leave_out_empty_months_and_name_the_last_day():
    dates = np.arange("2024-01-15", "2024-04-10", dtype="datetime64[D]")
    values = np.random.default_rng(4).standard_normal(len(dates))
    values[dates.astype("datetime64[M]") == np.datetime64("2024-02")] = np.nan
    frame = evaluate.monthly_means(values, dates)
    assert frame["month"].dt.strftime("%Y-%m").tolist() == ["2024-01", "2024-03", "2024-04"]
    assert frame["days"].tolist() == [17, 31, 9]
    assert frame["to"].dt.strftime("%m-%d").tolist() == ["01-31", "03-31", "04-09"]
    march = values[dates.astype("datetime64[M]") == np.datetime64("2024-03")]
    assert frame["mean"].iloc[1] == pytest.approx(march.mean())
    assert frame["high"].iloc[1] == pytest.approx(march.mean() + 2 * newey_west_se(march))


@pytest.mark.parametrize("quantiles", [2, 5, 7])
def test_quantile_returns_equal_a_loop_over_sorted_symbols(quantiles):
    random = np.random.default_rng(5)
    x, y = random.standard_normal((2, 30, 70))
    got = evaluate.quantile_daily_returns(x, y, quantiles, demean=False)
    for t in range(30):
        parts = np.array_split(np.argsort(x[t]), quantiles)
        if 70 % quantiles == 0:
            np.testing.assert_allclose(got[t], [y[t][p].mean() for p in parts], atol=1e-12)
    centred = evaluate.quantile_daily_returns(x, y, quantiles)
    np.testing.assert_allclose(centred, got - y.mean(axis=1)[:, None], atol=1e-12)


def test_quantiles_are_monotone_for_a_known_signal_and_in_basis_points():
    random = np.random.default_rng(6)
    signal = random.standard_normal((300, 200))
    returns = 0.001 * signal + 0.02 * random.standard_normal((300, 200))
    frame = evaluate.quantile_returns(signal, returns, 5)
    assert frame["quantile"].tolist() == ["1", "2", "3", "4", "5", "spread"]
    means = frame["mean_bp"].to_numpy()
    assert (np.diff(means[:5]) > 0).all()
    # mean of the top fifth of a normal is 1.4 standard deviations: 10 bp each
    assert means[4] == pytest.approx(14.0, abs=3 * frame["se_bp"].iloc[4])
    assert means[5] == pytest.approx(means[4] - means[0])
    assert frame["low_bp"].iloc[5] > 0
    assert frame["days"].tolist() == [300] * 6


def test_days_with_too_few_symbols_have_no_quantiles():
    x = np.full((2, 6), np.nan)
    x[0, :3], x[1] = 1.0, np.arange(6)
    got = evaluate.quantile_daily_returns(x, np.ones((2, 6)), 5)
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[1]).all()
    with pytest.raises(UserError, match="2 or more"):
        evaluate.quantile_returns(x, x, 1)


def bars(days=320, n=50, seed=7):
    """Prices whose next-day returns follow a signal for three days, ever more weakly."""
    random = np.random.default_rng(seed)
    signal = random.standard_normal((days, n))
    moves = 0.02 * random.standard_normal((days, n))
    for lag, weight in ((2, 0.006), (3, 0.003), (4, 0.0015)):
        moves[lag:] += weight * signal[:-lag]
    opens = 10 * np.exp(np.cumsum(moves, axis=0))
    dates = np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]")[:days]
    symbols = tuple(f"{600000 + i}.SH" for i in range(n))
    return Panel(dates, symbols, {"open": opens, "close": opens}, "adjusted"), signal


def test_decay_falls_with_the_horizon_of_a_short_signal():
    panel, signal = bars()
    ahead = {h: labels(panel, horizon=h) for h in (1, 2, 5, 20)}
    frame = evaluate.ic_decay(signal, ahead)
    assert frame["horizon"].tolist() == [1, 2, 5, 20]
    assert frame["mean"].iloc[0] > 0.2
    assert frame["mean"].iloc[3] < 0.6 * frame["mean"].iloc[0]
    assert frame["t"].iloc[0] > 10
    assert (frame["days"] == [318, 317, 314, 299]).all()


def test_turnover_of_ranks_runs_from_never_to_always():
    still = np.tile(np.arange(30.0), (20, 1))
    fresh = np.random.default_rng(8).standard_normal((200, 30))
    assert evaluate.rank_turnover(still) == pytest.approx(0.0)
    assert evaluate.rank_turnover(fresh) == pytest.approx(1.0, abs=0.05)
    assert math.isnan(evaluate.rank_turnover(still[:1]))


def test_importance_is_a_range_over_folds():
    frame = evaluate.importance_ranges([{"a": 0.2, "b": 0.8}, {"a": 0.4, "b": 0.6}])
    assert frame.to_dict("records") == [
        {"feature": "b", "mean": 0.7, "median": 0.7, "low": 0.6, "high": 0.8, "folds": 2},
        {"feature": "a", "mean": pytest.approx(0.3), "median": pytest.approx(0.3), "low": 0.2,
         "high": 0.4, "folds": 2},
    ]  # fmt: skip


def test_factor_scores_find_the_factor_that_works():
    panel, signal = bars()
    returns = labels(panel)
    noise = np.random.default_rng(9).standard_normal(signal.shape)
    half = np.where(np.arange(len(signal))[:, None] % 2 == 0, signal, np.nan)
    frame = evaluate.factor_scores({"noise": noise, "half": half, "good": -signal}, returns)
    assert frame["factor"].tolist() == ["good", "half", "noise"]
    assert frame["ic"].iloc[0] < -0.2
    assert frame["p"].iloc[0] < 1e-10
    assert frame["p"].iloc[2] > 0.01
    assert frame["coverage"].tolist() == pytest.approx([1.0, 0.5, 1.0], abs=0.01)


def test_the_whole_evaluation_is_plain_json_and_agrees_with_its_parts(small):
    panel, signal = bars()
    features = {"dim": signal + np.random.default_rng(10).standard_normal(signal.shape)}
    data = dataset([Block(panel.symbols, features)], labels(panel), panel.dates)
    walk = walk_forward(data, small)
    turned = panel.columns(list(range(len(panel.symbols)))[::-1])
    found = evaluate.evaluation(data, walk, turned, small)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    daily = daily_ic(walk.predictions, labels(panel), ranked=True)
    assert found["rank_ic"]["mean"] == pytest.approx(np.nanmean(daily))
    # a panel with its columns in another order gives the same decay
    assert found["decay"][0]["mean"] == pytest.approx(found["rank_ic"]["mean"])
    assert len(found["folds"]) == len(walk.results)
    assert found["folds"][0]["test_low"] < found["folds"][0]["test"]
    assert found["folds"][0]["test_from"] == str(panel.dates[walk.results[0].fold.test_start])
    assert found["period"][1] == str(panel.dates[-3])
    assert [q["quantile"] for q in found["quantiles"]] == ["1", "2", "3", "4", "5", "spread"]
    assert found["importance"][0]["feature"] == "dim"
    assert found["device"] == "cpu"
    assert found["label"] == TrainConfig().label
