"""Training matrix: feature arrays of blocks of symbols become rows sorted by (date, symbol).

Rows of one day lie together and days ascend, so a fold is a slice of the matrix and not a copy.
Features and labels are transformed per day across symbols before anything is cut into folds: such
a transform sees no other day, so no bin and no scale can see the future.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.models.crosssection import centred_rank_rows, transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.models.config import Transform

    Array = NDArray[np.float64]


#: rows of the matrix that are moved at a time
_ROWS_MOVED = 2**16
#: cells transformed at a time: they, and the rows of all features that they fill, stay in cache
_CELLS = 2**15


@dataclasses.dataclass(frozen=True)
class Block:
    """Features of some symbols.

    Attributes:
        symbols: n of them, in the columns' order.
        features: name to array (T, n), float32 or float64; mapped files stay on disk.
    """

    symbols: tuple[str, ...]
    features: Mapping[str, Array]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Rows of (date, symbol) with features and label, R rows and F features.

    Attributes:
        X: float32 (R, F), C-contiguous, transformed; NaN is a missing feature.
        y: float32 (R,), transformed label; NaN where the label is not known (yet).
        returns: float64 (R,), the label before its transform, for scores.
        day: int32 (R,), row's position in `dates`, ascending.
        column: int32 (R,), row's position in `symbols`, ascending within a day.
        starts: int64 (T + 1,), first row of each day; rows of day t are starts[t]:starts[t+1].
        names: F feature names, in the order of X's columns.
        dates: T sessions.
        symbols: N symbols.
        span: sessions from t to the last price of its label.
    """

    X: NDArray[np.float32]
    y: NDArray[np.float32]
    returns: Array
    day: NDArray[np.int32]
    column: NDArray[np.int32]
    starts: NDArray[np.int64]
    names: tuple[str, ...]
    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    span: int

    def rows(self, start: int, stop: int) -> slice:
        """Rows of the days from `start` to before `stop`."""
        return slice(int(self.starts[start]), int(self.starts[stop]))

    def grid(self, values: Array, rows: slice) -> Array:
        """Spread values of some rows over the (T, N) grid; NaN elsewhere."""
        out = np.full((len(self.dates), len(self.symbols)), np.nan)
        out[self.day[rows], self.column[rows]] = values
        return out

    @property
    def first_day(self) -> int:
        """First day with a labelled row; T where there is none."""
        labelled = self.day[~np.isnan(self.y)]
        return int(labelled[0]) if len(labelled) else len(self.dates)


def dataset(
    blocks: Sequence[Block],
    returns: Array,
    dates: NDArray[np.datetime64],
    *,
    span: int = 2,
    eligible: NDArray[np.bool_] | None = None,
    preprocess: Transform = "rank",
    label_transform: Transform = "rank",
    threads: int = 1,
) -> Dataset:
    """Build the training matrix; any cut of the symbols into blocks gives the same bits.

    Args:
        blocks: features by symbols, every block with the same names. Symbols are sorted; columns
            of `returns` and `eligible` follow the blocks' own order, as they are given.
        returns: T x N labels (`tasks.models.labels.labels`), NaN where unknown.
        dates: T sessions.
        span: sessions that a label reaches (`label_span`).
        eligible: T x N, cells that may become rows (in the universe and trading); all by default.
            Eligible cells without any finite feature (an indicator's warm-up) are left out.
        preprocess: per-day transform of the features, over eligible cells alone.
        label_transform: per-day transform of the label, over eligible cells alone.
        threads: how many transform days beside each other; the bits are the same.

    Returns:
        Rows for eligible cells, whether labelled or not: the last days have features and no label
        yet, and are what tomorrow's ranking uses.

    Raises:
        UserError: blocks with different features, repeated symbols, or wrong shapes.
    """
    names = _names(blocks)
    given = [s for block in blocks for s in block.symbols]
    if len(set(given)) != len(given):
        raise UserError("the feature blocks repeat symbols: give each symbol to one block")
    order = np.argsort(np.array(given, dtype=str), kind="stable")
    shape = (len(dates), len(given))
    _check_shapes(blocks, names, len(dates))
    _check_shape("labels", returns, shape)
    mask = np.ones(shape, dtype=bool) if eligible is None else eligible
    _check_shape("eligible", mask, shape)
    chosen = np.ascontiguousarray(mask[:, order])
    day, column = (index.astype(np.int32) for index in np.nonzero(chosen))
    X = _matrix(blocks, names, order, chosen, preprocess, threads)
    informed = _any_known(X)
    raw = returns[:, order][chosen]
    raw[~np.isfinite(raw)] = np.nan
    y = _flat(returns[:, order], chosen, label_transform).astype(np.float32)
    if not informed.all():
        X, y, raw = _moved_up(X, informed), y[informed], raw[informed]
        day, column = day[informed], column[informed]
    return Dataset(
        X=X,
        y=y,
        returns=raw,
        day=day,
        column=column,
        starts=np.searchsorted(day, np.arange(len(dates) + 1)).astype(np.int64),
        names=names,
        dates=dates,
        symbols=tuple(given[i] for i in order),
        span=span,
    )


def _matrix(
    blocks: Sequence[Block],
    names: Sequence[str],
    order: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    kind: Transform,
    threads: int,
) -> NDArray[np.float32]:
    """Rows of the chosen cells, transformed: some days of all features after the other."""
    X = np.empty((int(chosen.sum()), len(names)), dtype=np.float32)
    starts = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
    step = max(1, _CELLS // max(1, chosen.shape[1]))

    def fill(first: int) -> None:
        days = slice(first, min(first + step, len(chosen)))
        rows = slice(starts[days.start], starts[days.stop])
        for f, name in enumerate(names):
            parts = [block.features[name][days] for block in blocks]
            values = np.concatenate(parts, axis=1)[:, order]
            if kind == "rank" and values.dtype == np.float32:
                centred_rank_rows(values, chosen[days], X[rows, f])
            else:
                X[rows, f] = _flat(values, chosen[days], kind)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(chosen), step)))
    return X


def _flat(values: Array, chosen: NDArray[np.bool_], kind: Transform) -> Array:
    """Chosen cells of some days, transformed among themselves, as rows."""
    return np.asarray(transform(np.where(chosen, values, np.nan), kind)[chosen])


def _any_known(X: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Rows with at least one feature."""
    known = np.zeros(len(X), dtype=bool)
    for first in range(0, len(X), _ROWS_MOVED):
        rows = slice(first, first + _ROWS_MOVED)
        known[rows] = ~np.isnan(X[rows]).all(axis=1)
    return known


def _moved_up(X: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The kept rows, moved up in place: a copy of the matrix would need its memory twice."""
    stop = 0
    for first in range(0, len(X), _ROWS_MOVED):
        rows = X[first : first + _ROWS_MOVED][kept[first : first + _ROWS_MOVED]]
        X[stop : stop + len(rows)] = rows
        stop += len(rows)
    return X[:stop]


def _names(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Names of the features, equal in every block, in the first block's order."""
    if not blocks or not blocks[0].features:
        raise UserError("no features were given to train on: choose at least one")
    names = tuple(blocks[0].features)
    for block in blocks[1:]:
        if set(block.features) != set(names):
            odd = sorted(set(block.features) ^ set(names))[0]
            raise UserError(
                f"feature {odd!r} is in some blocks of symbols and not in others: "
                "evaluate the same expressions for every block"
            )
    return names


def _check_shapes(blocks: Sequence[Block], names: Sequence[str], days: int) -> None:
    for block in blocks:
        for name in names:
            shape = (days, len(block.symbols))
            _check_shape(f"feature {name!r}", block.features[name], shape)


def _check_shape(what: str, array: NDArray[np.generic], shape: tuple[int, int]) -> None:
    if array.shape != shape:
        raise UserError(
            f"{what} has shape {array.shape} and not {shape}: "
            "give one row per date and one column per symbol"
        )
