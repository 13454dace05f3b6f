"""What a prediction or a factor is worth: information coefficients, quantiles, decay, importance.

Every estimate carries an interval. Daily values of overlapping or persistent quantities are not
independent, so standard errors are Newey and West's (1987) with Bartlett weights.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError
from tasks.models.crosssection import order, rank
from tasks.models.labels import labels
from tasks.models.means import estimate_mean, newey_west_se
from tasks.models.scores import daily_ic

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.models.config import TrainConfig
    from tasks.models.dataset import Dataset
    from tasks.models.walkforward import FoldResult, WalkForward

    Array = NDArray[np.float64]

#: sessions held in the decay of the IC
HORIZONS = (1, 2, 3, 5, 10, 20)


def monthly_means(values: Array, dates: NDArray[np.datetime64]) -> pd.DataFrame:
    """Mean of daily values by calendar month with two Newey-West errors on each side.

    Returns:
        Columns `month` (first day), `mean`, `se`, `low`, `high` (mean -+ 2 se), `days`, and
        `to` (last day present, so that a part month can be marked). Months without any value are
        left out, never drawn as zero.
    """
    import pandas as pd

    months = dates.astype("datetime64[M]")
    rows = []
    for month in np.unique(months):
        inside = (months == month) & np.isfinite(values)
        if not inside.any():
            continue
        mean = float(values[inside].mean())
        se = newey_west_se(values[inside])
        rows.append((month, mean, se, mean - 2 * se, mean + 2 * se, int(inside.sum()), inside))
    frame = pd.DataFrame(
        [r[:6] for r in rows], columns=["month", "mean", "se", "low", "high", "days"]
    )
    frame["month"] = np.array([r[0] for r in rows], dtype="datetime64[D]")
    frame["to"] = np.array([dates[r[6]][-1] for r in rows], dtype="datetime64[D]")
    return frame


def ic_decay(
    predictions: Array, horizon_returns: Mapping[int, Array], *, ranked: bool = True
) -> pd.DataFrame:
    """Mean daily IC against returns over several horizons.

    Args:
        predictions: T x N.
        horizon_returns: sessions held to T x N returns (`labels(panel, kind, horizon=h)`).
        ranked: Spearman's correlation (default) or Pearson's.

    Returns:
        Columns `horizon`, `mean`, `se`, `low`, `high` (95 %), `t`, `days`. Returns over h days
        overlap, so the errors use at least h - 1 lags.
    """
    import pandas as pd

    rows = []
    for horizon, returns in sorted(horizon_returns.items()):
        e = estimate_mean(daily_ic(predictions, returns, ranked=ranked), overlap=horizon)
        rows.append((horizon, e.mean, e.se, e.low, e.high, e.t, e.n))
    return pd.DataFrame(rows, columns=["horizon", "mean", "se", "low", "high", "t", "days"])


def quantile_daily_returns(
    predictions: Array, returns: Array, n_quantiles: int = 5, *, demean: bool = True
) -> Array:
    """Mean return of each quantile of the predictions, day by day.

    Args:
        predictions: T x N.
        returns: T x N.
        n_quantiles: groups of equal size by rank.
        demean: minus the day's mean over all ranked symbols, so that a group is compared with the
            market of its day.

    Returns:
        (T, n_quantiles), lowest predictions first; NaN on days with fewer symbols than quantiles.

    Raises:
        UserError: fewer than two quantiles.
    """
    if n_quantiles < 2:
        raise UserError(f"{n_quantiles} quantiles cannot be compared: choose 2 or more")
    both = np.isfinite(predictions) & np.isfinite(returns)
    ranks = rank(np.where(both, predictions, np.nan))
    n = both.sum(axis=1)
    position = (np.nan_to_num(ranks, nan=1.0) - 1.0) * n_quantiles / np.maximum(n, 1)[:, None]
    group = np.minimum(position.astype(np.int64), n_quantiles - 1)
    out = np.full((len(n), n_quantiles), np.nan)
    for q in range(n_quantiles):
        inside = both & (group == q)
        count = inside.sum(axis=1)
        total = np.where(inside, returns, 0.0).sum(axis=1)
        known = (count > 0) & (n >= n_quantiles)
        out[known, q] = total[known] / count[known]
    if demean:
        market = np.where(both, returns, 0.0).sum(axis=1) / np.maximum(n, 1)
        out -= market[:, None]
    return out


def quantile_returns(
    predictions: Array, returns: Array, n_quantiles: int = 5, *, demean: bool = True
) -> pd.DataFrame:
    """Mean daily return by quantile with Newey-West 95 % intervals, in basis points.

    Returns:
        Columns `quantile` (`1` lowest to `n_quantiles`, then `spread`: highest minus lowest),
        `mean_bp`, `se_bp`, `low_bp`, `high_bp`, `t`, `days`.
    """
    import pandas as pd

    daily = quantile_daily_returns(predictions, returns, n_quantiles, demean=demean)
    series = {str(q + 1): daily[:, q] for q in range(n_quantiles)}
    series["spread"] = daily[:, -1] - daily[:, 0]
    rows = []
    for name, values in series.items():
        e = estimate_mean(values * 1e4)
        rows.append((name, e.mean, e.se, e.low, e.high, e.t, e.n))
    columns = ["quantile", "mean_bp", "se_bp", "low_bp", "high_bp", "t", "days"]
    return pd.DataFrame(rows, columns=columns)


def rank_turnover(predictions: Array) -> float:
    """1 - mean correlation of the ranks of consecutive days: 0 never changes, 1 is a new draw."""
    if len(predictions) < 2:
        return math.nan
    kept = daily_ic(predictions[1:], predictions[:-1], ranked=True)
    known = kept[np.isfinite(kept)]
    return float(1.0 - known.mean()) if len(known) else math.nan


def fold_scores(results: Iterable[FoldResult], dates: NDArray[np.datetime64]) -> pd.DataFrame:
    """One row per fold: its windows' dates, rows of information coefficients, device.

    Returns:
        Columns `fold`, `train_from`, `train_to`, `test_from`, `test_to` (last days included),
        `train`, `valid`, `test` (mean daily rank IC), `test_low`, `test_high` (95 %), `train_ic`,
        `valid_ic`, `test_ic` (Pearson), `test_days`, `device`.
    """
    import pandas as pd

    rows = []
    for r in results:
        f, s = r.fold, r.scores
        rows.append(
            {
                "fold": f.number,
                "train_from": dates[f.train_start],
                "train_to": dates[f.train_stop - 1],
                "test_from": dates[f.test_start],
                "test_to": dates[f.test_stop - 1],
                **{name: s[name].rank_ic for name in ("train", "valid", "test")},
                "test_low": s["test"].low,
                "test_high": s["test"].high,
                **{f"{name}_ic": s[name].ic for name in ("train", "valid", "test")},
                "test_days": s["test"].days,
                "device": r.device,
            }
        )
    return pd.DataFrame(rows)


def importance_ranges(importances: Iterable[Mapping[str, float]]) -> pd.DataFrame:
    """Each feature's share of the gain over folds, most important first.

    Returns:
        Columns `feature`, `mean`, `median`, `low`, `high` (smallest and largest fold), `folds`.
    """
    import pandas as pd

    frame = pd.DataFrame([dict(i) for i in importances])
    out = pd.DataFrame(
        {
            "feature": frame.columns,
            "mean": frame.mean().to_numpy(),
            "median": frame.median().to_numpy(),
            "low": frame.min().to_numpy(),
            "high": frame.max().to_numpy(),
            "folds": frame.count().to_numpy(),
        }
    )
    return out.sort_values(["median", "feature"], ascending=[False, True], ignore_index=True)


def factor_scores(features: Mapping[str, Array], returns: Array) -> pd.DataFrame:
    """Rank IC of each factor by itself, strongest first.

    Args:
        features: name to T x N.
        returns: T x N labels.

    Returns:
        Columns `factor`, `ic` (mean daily rank IC), `low`, `high` (95 %), `icir`, `t`
        (Newey-West), `p` (two-sided, normal), `days`, `coverage` (share of labelled cells with a
        value). Correct `p` for the number of factors before you believe one.
    """
    import pandas as pd

    labelled, places = np.isfinite(returns), order(returns)
    rows = []
    for name, values in features.items():
        e = estimate_mean(daily_ic(values, returns, ranked=True, places=places))
        covered = float(np.isfinite(values[labelled]).mean()) if labelled.any() else math.nan
        p = math.erfc(abs(e.t) / math.sqrt(2.0))
        rows.append((name, e.mean, e.low, e.high, e.ir, e.t, p, e.n, covered))
    columns = ["factor", "ic", "low", "high", "icir", "t", "p", "days", "coverage"]
    frame = pd.DataFrame(rows, columns=columns)
    strength = -frame["t"].abs()
    return frame.iloc[np.lexsort((frame["factor"], strength))].reset_index(drop=True)


def coverage(
    features: Mapping[str, Array], universe: NDArray[np.bool_], traded: NDArray[np.bool_]
) -> pd.DataFrame:
    """How much of each factor there is, worst first.

    Args:
        features: name to T x N.
        universe: T x N, cells that may be ranked.
        traded: T x N, cells with a price.

    Returns:
        Columns `factor`, `coverage` (share of the universe's cells with a value), `missing` (share
        of all traded cells without one, warm-up and young stocks included). NaN where there are
        no such cells.
    """
    import pandas as pd

    rows = []
    for name, values in features.items():
        known = np.isfinite(values)
        covered = float(known[universe].mean()) if universe.any() else math.nan
        missing = float(1.0 - known[traded].mean()) if traded.any() else math.nan
        rows.append((name, covered, missing))
    frame = pd.DataFrame(rows, columns=["factor", "coverage", "missing"])
    return frame.sort_values(["coverage", "factor"], ignore_index=True)


def evaluation(
    data: Dataset,
    walk: WalkForward,
    panel: Panel,
    config: TrainConfig,
    *,
    horizons: Sequence[int] = HORIZONS,
    jumps: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Everything that a walk-forward run is worth out of sample, as plain JSON values.

    Args:
        data: the dataset that was trained on.
        walk: its folds.
        panel: adjusted bars that hold at least the dataset's symbols, on the same dates.
        config: the run's settings.
        horizons: sessions held, for the decay.
        jumps: T x N in the panel's columns, moves that no price limit allows (see `labels`).

    Returns:
        `label`, `period` (first and last scored day), `rank_ic` and `ic` (`MeanEstimate` each),
        `folds`, `monthly`, `decay`, `quantiles`, `importance` (lists of records, as the functions
        of these names describe), `turnover`, `device`, `note`. Missing numbers are None.
    """
    returns = data.grid(data.returns, slice(0, len(data.day)))
    daily = daily_ic(walk.predictions, returns, ranked=True)
    scored = data.dates[np.isfinite(daily)].astype(str)
    order = [panel.column(s) for s in data.symbols]
    stocks = panel.columns(order)
    moves = None if jumps is None else jumps[:, order]
    ahead = {h: labels(stocks, config.label, horizon=h, jumps=moves) for h in horizons}
    found = {
        "label": config.label,
        "period": [str(scored[0]), str(scored[-1])] if len(scored) else [],
        "rank_ic": dataclasses.asdict(estimate_mean(daily)),
        "ic": dataclasses.asdict(estimate_mean(daily_ic(walk.predictions, returns))),
        "folds": _records(fold_scores(walk.results, data.dates)),
        "monthly": _records(monthly_means(daily, data.dates)),
        "decay": _records(ic_decay(walk.predictions, ahead)),
        "quantiles": _records(quantile_returns(walk.predictions, returns, config.n_quantiles)),
        "importance": _records(importance_ranges(r.importance for r in walk.results)),
        "turnover": rank_turnover(walk.predictions),
        "device": "+".join(sorted({r.device for r in walk.results})),
        "note": next((r.note for r in walk.results if r.note), ""),
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as dictionaries; dates as ISO text."""
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def _plain(value: Any) -> Any:
    """JSON's own kinds: numpy scalars become numbers, dates text, and NaN None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, (datetime.date, np.datetime64)):
        return str(value)[:10]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
