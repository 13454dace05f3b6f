"""Walk-forward training: train on the past, leave a gap, score the days that follow, move on.

Windows of a fold, in sessions: `train | gap | valid | gap | test`. A gap is the label's span plus
the embargo: it covers every session from a training day to its label's last price, so no price
that a training label uses lies on a day that is scored.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError
from tasks.models.scores import Score, score
from tasks.models.trainers.base import Model, fit, load

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.models.config import TrainConfig
    from tasks.models.dataset import Dataset

#: days of a training window that are scored; predicting them all takes as long as training
SCORED_DAYS = 120


@dataclasses.dataclass(frozen=True)
class Fold:
    """Windows of one model, as positions in the calendar; starts included, stops not."""

    number: int
    train_start: int
    train_stop: int
    valid_start: int
    valid_stop: int
    test_start: int
    test_stop: int


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """What one fold gives.

    Attributes:
        fold: its windows.
        predictions: float64, one for each of the dataset's rows in the test window.
        rows: first and last+1 of these rows.
        model: the model's bytes, for `tasks.models.trainers.base.load`.
        scores: `train`, `valid` and `test` to their mean daily information coefficients; long
            windows before the test are scored on evenly spaced days.
        importance: feature name to its share of the total gain, adding up to 1.
        device: `cpu` or `gpu`, what was really used.
        note: why another device was used than asked for; empty otherwise.
    """

    fold: Fold
    predictions: NDArray[np.float64]
    rows: tuple[int, int]
    model: bytes
    scores: dict[str, Score]
    importance: dict[str, float]
    device: str
    note: str


@dataclasses.dataclass(frozen=True)
class WalkForward:
    """All folds of one walk-forward run, and the out-of-sample predictions on the grid.

    Attributes:
        results: one per fold, in time.
        predictions: T x N, NaN where nothing was predicted out of sample.
    """

    results: tuple[FoldResult, ...]
    predictions: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Production:
    """The model for tomorrow's ranking, trained on every labelled row.

    Attributes:
        model: its bytes.
        train_start: first session trained on, position in the calendar.
        train_stop: one past the last session trained on.
        score: in-sample score; says nothing about the future.
        importance: feature name to share of the total gain.
        device: `cpu` or `gpu`.
        note: why another device was used than asked for; empty otherwise.
    """

    model: bytes
    train_start: int
    train_stop: int
    score: Score
    importance: dict[str, float]
    device: str
    note: str


def folds(
    days: int, config: TrainConfig, *, span: int = 2, start: int = 0, stop: int | None = None
) -> list[Fold]:
    """Cut a calendar into folds.

    Args:
        days: sessions in the calendar, T.
        config: lengths of the windows.
        span: sessions from t to its label's last price.
        start: first session that may be trained on (features need a warm-up).
        stop: first session whose prices may not be used, such as the vault's first; T by default.

    Returns:
        Folds in time. Test windows follow each other without gap or overlap; the last is shorter
        where the calendar ends. Its last day is the last one whose label is known before `stop`.

    Raises:
        UserError: too few sessions for a single fold.
    """
    end = (days if stop is None else min(stop, days)) - span
    gap = span + config.embargo
    held_out = config.valid_days + gap if config.valid_days else 0
    first = start + config.min_train_days + held_out + gap
    if first >= end:
        raise UserError(
            f"walk-forward needs {first - start + span + 1} sessions with features for one fold "
            f"and has {max(end + span - start, 0)}: load a longer history, or lower min_train_days "
            f"({config.min_train_days}) or valid_days ({config.valid_days})"
        )
    found = []
    for number, test_start in enumerate(range(first, end, config.test_days)):
        valid_stop = test_start - gap
        valid_start = valid_stop - config.valid_days
        train_stop = valid_start - gap if config.valid_days else valid_stop
        train_start = max(start, train_stop - config.train_days) if config.train_days else start
        test_stop = min(test_start + config.test_days, end)
        found.append(
            Fold(number, train_start, train_stop, valid_start, valid_stop, test_start, test_stop)
        )
    return found


def fit_fold(fold: Fold, dataset: Dataset, config: TrainConfig) -> FoldResult:
    """Train one fold's model, score its windows and predict its test days.

    Raises:
        UserError: the training window has no labelled row.
    """
    train = dataset.rows(fold.train_start, fold.train_stop)
    model = _fit_rows(dataset, train, config)
    test = dataset.rows(fold.test_start, fold.test_stop)
    predictions = model.predict(dataset.X[test])
    return FoldResult(
        fold=fold,
        predictions=predictions,
        rows=(test.start, test.stop),
        model=model.to_bytes(),
        scores={
            "train": _in_sample(dataset, fold.train_start, fold.train_stop, model),
            "valid": _in_sample(dataset, fold.valid_start, fold.valid_stop, model),
            "test": score(dataset.day[test], predictions, dataset.returns[test]),
        },
        importance=_shares(dataset.names, model.importance()),
        device=model.device,
        note=model.note,
    )


def walk_forward(
    dataset: Dataset,
    config: TrainConfig,
    *,
    stop: int | None = None,
    map: Callable[..., Iterable[Any]] = map,  # noqa: A002 - the name says what to pass
) -> WalkForward:
    """Train and score every fold.

    Args:
        dataset: rows of all days.
        config: windows and model.
        stop: first session that selection may not see, such as the vault's first.
        map: where folds run; the built-in `map`, an executor's `map`, or a cluster's.
    """
    found = folds(len(dataset.dates), config, span=dataset.span, start=dataset.first_day, stop=stop)
    work = functools.partial(fit_fold, dataset=dataset, config=config)
    return assemble(dataset, tuple(map(work, found)))


def assemble(dataset: Dataset, results: Iterable[FoldResult]) -> WalkForward:
    """Put folds' predictions together on the grid, in whichever order the folds came back."""
    ordered = tuple(sorted(results, key=lambda r: r.fold.number))
    grid = np.full((len(dataset.dates), len(dataset.symbols)), np.nan)
    for result in ordered:
        rows = slice(*result.rows)
        grid[dataset.day[rows], dataset.column[rows]] = result.predictions
    return WalkForward(ordered, grid)


def production_fit(dataset: Dataset, config: TrainConfig) -> Production:
    """Train on every row whose label is known tonight, without selecting anything.

    A rolling window (`train_days`) is kept; validation and test windows are not held out.
    """
    stop = max(len(dataset.dates) - dataset.span, 0)
    start = min(dataset.first_day, stop)
    if config.train_days:
        start = max(start, stop - config.train_days)
    rows = dataset.rows(start, stop)
    model = _fit_rows(dataset, rows, config)
    return Production(
        model=model.to_bytes(),
        train_start=start,
        train_stop=stop,
        score=_in_sample(dataset, start, stop, model),
        importance=_shares(dataset.names, model.importance()),
        device=model.device,
        note=model.note,
    )


def rank_tomorrow(dataset: Dataset, model: bytes, config: TrainConfig) -> pd.DataFrame:
    """Rank the last day's eligible symbols by predicted return for tomorrow's open.

    Returns:
        Columns `rank` (1 is best), `symbol`, `score` (the model's output; only its order has a
        meaning) and `quantile` (1 lowest to `n_quantiles` highest), best first; ties by symbol.

    Raises:
        UserError: no symbol is eligible on the last day.
    """
    import pandas as pd

    last = len(dataset.dates) - 1
    rows = dataset.rows(last, last + 1)
    n = rows.stop - rows.start
    if n == 0:
        raise UserError(
            f"no symbol is eligible on {dataset.dates[last]}, so nothing can be ranked for the "
            "next session: check that day's data and the universe"
        )
    values = load(config.model, model).predict(dataset.X[rows])
    columns = dataset.column[rows]
    order = np.lexsort((columns, -values))
    return pd.DataFrame(
        {
            "rank": np.arange(1, n + 1),
            "symbol": [dataset.symbols[i] for i in columns[order]],
            "score": values[order],
            "quantile": config.n_quantiles - np.arange(n) * config.n_quantiles // n,
        }
    )


def _in_sample(dataset: Dataset, start: int, stop: int, model: Model) -> Score:
    """Score of at most `SCORED_DAYS` evenly spaced days of a window."""
    step = max(1, -(-(stop - start) // SCORED_DAYS))
    rows = dataset.rows(start, stop)
    chosen = np.flatnonzero((dataset.day[rows] - start) % step == 0) + rows.start
    predicted = model.predict(dataset.X[chosen])
    return score(dataset.day[chosen], predicted, dataset.returns[chosen])


def _fit_rows(dataset: Dataset, rows: slice, config: TrainConfig) -> Model:
    """Fit on the labelled rows of a slice."""
    y = dataset.y[rows]
    known = ~np.isnan(y)
    if not known.any():
        raise UserError(
            f"no labelled rows in the {rows.stop - rows.start} rows of a training window: "
            "check prices and the universe mask"
        )
    return fit(config, dataset.X[rows], y, days=dataset.day[rows], known=known)


def _shares(names: tuple[str, ...], gains: NDArray[np.float64]) -> dict[str, float]:
    """Gains as shares of their sum; all zero where the model never split."""
    total = float(gains.sum())
    return {n: float(g) / total if total > 0 else 0.0 for n, g in zip(names, gains, strict=True)}
