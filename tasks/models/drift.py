"""Drift of the features: are tonight's inputs as they were in training?

The population stability index (PSI) compares shares of values in bins: sum (a - b) ln(a / b) over
the reference's deciles and one more bin for missing values. Below 0.1 is usually called stable,
above 0.25 a shift. One day's cross-section differs from all training days even where nothing
drifts: it is smaller, and on a day when the market fell every past return is low. So the same index
is taken for days of the training window itself, and only a night beyond 99 % of them can raise an
alarm. Of a long window 250 days stand for all: of 5,000 stocks that is a million values a feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STABLE, SHIFTED = 0.1, 0.25
BINS = 10
#: share of training days that may lie beyond the alarm's level
FALSE_ALARMS = 0.01
#: at most so many training days, evenly spaced, stand for the training window
REFERENCE_DAYS = 250


def drift(
    features: Mapping[str, Array],
    *,
    train_start: int,
    train_stop: int,
    nights: int = 20,
    eligible: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Compare the last day's cross-section of each feature with its training days.

    Args:
        features: name to T x N, before any per-day transform (ranks never drift).
        train_start: first training day.
        train_stop: one past the last training day; evenly spaced days before it are the reference.
        nights: last days that the range covers, tonight included.
        eligible: T x N, cells that count; all by default.

    Returns:
        Columns `feature`, `psi` (tonight), `low`, `high` (over the last nights), `usual` (what
        1 % of the training days exceed), `state` (`stable`; `watch` above 0.1 and `drifted` above
        0.25, both only where above `usual` too; `unknown` without values), `n` (tonight's cells);
        worst first.

    Raises:
        UserError: an empty training window.
    """
    import pandas as pd

    if train_stop <= train_start:
        raise UserError(
            f"the training window {train_start}:{train_stop} is empty, so there is no reference "
            "for drift: train on at least one day"
        )
    count = min(train_stop - train_start, REFERENCE_DAYS)
    usual_days = np.linspace(train_start, train_stop - 1, count).round().astype(int)
    rows = []
    for name, values in features.items():
        cells = np.ones(values.shape, dtype=bool) if eligible is None else eligible
        last_days = range(max(len(values) - nights, 0), len(values))
        reference = values[usual_days][cells[usual_days]]
        edges = bin_edges(reference)
        base = _shares(edges, reference)
        usual = _quantile(_by_day(values, cells, edges, base, usual_days), 1.0 - FALSE_ALARMS)
        series = _by_day(values, cells, edges, base, last_days)
        tonight = float(series[-1]) if len(series) else float("nan")
        low, high = _quantile(series, 0.0), _quantile(series, 1.0)
        rows.append((name, tonight, low, high, usual, _state(tonight, usual), int(cells[-1].sum())))
    columns = ["feature", "psi", "low", "high", "usual", "state", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["psi", "feature"], ascending=[False, True], ignore_index=True)


def stability_index(reference: Array, current: Array, bins: int = BINS) -> float:
    """Population stability index of two samples; NaN and infinite values are a bin of their own.

    Bins are the reference's quantiles; equal quantiles (many equal values) are merged. Counts get
    half an observation added, so that an empty bin is rare and not impossible.

    Returns:
        NaN where either sample is empty.
    """
    if reference.size == 0 or current.size == 0:
        return float("nan")
    edges = bin_edges(reference, bins)
    return _index(_shares(edges, reference), _shares(edges, current))


def bin_edges(reference: Array, bins: int = BINS) -> Array:
    """Inner edges of the reference's quantile bins, equal ones merged; none without values."""
    known = reference[np.isfinite(reference)]
    if known.size == 0:
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins))


def _by_day(
    values: Array, cells: NDArray[np.bool_], edges: Array, base: Array, days: Iterable[int]
) -> Array:
    """Index of each day's cross-section; NaN for days without cells."""
    chosen = list(days)
    out = np.full(len(chosen), np.nan)
    for i, t in enumerate(chosen):
        current = values[t][cells[t]]
        if current.size:
            out[i] = _index(base, _shares(edges, current))
    return out


def _quantile(series: Array, q: float) -> float:
    known = series[np.isfinite(series)]
    return float(np.quantile(known, q)) if known.size else float("nan")


def _index(a: Array, b: Array) -> float:
    return float(((a - b) * np.log(a / b)).sum())


def _state(psi: float, usual: float) -> str:
    if not np.isfinite(psi):
        return "unknown"
    if psi > max(SHIFTED, usual):
        return "drifted"
    return "watch" if psi > max(STABLE, usual) else "stable"


def _shares(edges: Array, values: Array) -> Array:
    """Share of values in each bin, the missing ones last."""
    present = values[np.isfinite(values)]
    counts = np.zeros(len(edges) + 2)
    bins = np.bincount(np.searchsorted(edges, present), minlength=len(edges) + 1)
    counts[:-1] = bins
    counts[-1] = values.size - present.size
    shares: Array = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares
